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
  /** Wipes its key, and what is left of tokens. */
  wipe(): void;
}

/** A format of tokens that is looked into; JWTs are where the app gives none. */
export interface TokenFormat {
  /** @construction @internal */
  readonly reader: (tokenBytes: number, scratch: Scratch) => TokenReader;
}

/** Has another key tried in the place of the device's, where the cloud refuses that. */
export interface KeyChange {
  /**
   * A connection of the device's own was refused, the key that it was proved with perhaps.
   * @returns there is another key, which is to be tried at once
   */
  refused(): boolean;
}

/** What the app chose of what not every app needs: bundlers leave out what nobody names. */
export interface Features {
  readonly transport: Transport;
  /** What frames may be spelt in beside JSON; null: nothing. */
  readonly encoding: Encoding | null;
  /** Null: tokens are JWTs, or nothing that is looked into. */
  readonly tokenFormat: TokenFormat | null;
  /** The app's own messages on the same connection; null: there are none. */
  readonly messages: AppTraffic | null;
  /** Null: the device's key stays as it is. */
  readonly rotation: KeyChange | null;
}
