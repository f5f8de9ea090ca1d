import type { Status } from "../status.js";
import { NO_BYTES } from "../wire/bytes.js";

/** The token that a callback gets: the app copies what it keeps, the bytes are good during the callback only. */
export interface Token {
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Counts the tokens of this host; `rejected` asks for it. */
  readonly generation: number;
  /** Milliseconds it is still good. */
  readonly remainingMs: number;
}

/** Called once, at the end of a token call. `token` is null unless the status is OK and the call was for a token. */
export type OnToken = (status: Status, token: Token | null) => void;

/** The one view of a token that callbacks get; it is filled anew for each. */
export class TokenView implements Token {
  bytes: Uint8Array;
  length: number;
  generation: number;
  remainingMs: number;

  constructor() {
    this.bytes = NO_BYTES;
    this.length = 0;
    this.generation = 0;
    this.remainingMs = 0;
  }
}
