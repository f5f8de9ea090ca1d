import type { Scratch } from "../crypto/scratch.js";
import type { Encoding } from "../rpc/frames.js";
import type { Status } from "../status.js";
import type { AppTraffic } from "../transport/app.js";
import type { Transport } from "../transport/channel.js";

/** Reads tokens of one format. */
export interface TokenReader {
  /** Seconds from issue to end by the last token's own claims, for scheduling only; −1 where they don't say. */
  readonly lifetimeS: number;
  /** OK, or why the token is refused. */
  read(token: Uint8Array, length: number): Status;
  /** Wipes its key, and what tokens left in memory. */
  wipe(): void;
}

/** A format of tokens that the device reads; without one it reads JWTs. */
export interface TokenFormat {
  /** @construction @internal */
  readonly reader: (tokenBytes: number, scratch: Scratch) => TokenReader;
}

/** Offers another key in place of the device's, where the cloud refuses the device's. */
export interface KeyChange {
  /**
   * The cloud refused a connection of the device's own, perhaps because of its key.
   * @returns there is another key: try it at once
   */
  refused(): boolean;
}

/** The optional features that the app chose: bundlers leave the others out. */
export interface Features {
  readonly transport: Transport;
  /** The encoding of frames beside JSON; null: there is none. */
  readonly encoding: Encoding | null;
  /** Null: tokens are JWTs, or opaque. */
  readonly tokenFormat: TokenFormat | null;
  /** The app's own messages on the same connection; null: there are none. */
  readonly messages: AppTraffic | null;
  /** Null: the device's key stays as it is. */
  readonly rotation: KeyChange | null;
}
