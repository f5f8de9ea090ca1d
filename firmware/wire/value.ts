import type { Status } from "../status.js";

/** What {@link ValueReader.read} found, however the value is spelt: JSON (RFC 8259) or CBOR (RFC 8949). */
export enum ValueEvent {
  /** All bytes were consumed; the text goes on. */
  MORE,
  /** Malformed, or beyond a limit; `status` says why. */
  REFUSED,
  OBJECT,
  OBJECT_END,
  ARRAY,
  ARRAY_END,
  /** A member's name: `key`, `keyLength`. */
  KEY,
  /** A string value: where {@link ValueReader.capture} put it, `textLength`. */
  STRING,
  /** A number: `number`, `isInteger`. */
  NUMBER,
  TRUE,
  FALSE,
  NULL,
  /** The top-level value is complete. */
  END,
  /** CBOR only: a byte string, kept as a string is. */
  BYTES,
  /** CBOR only: a simple value that has no name in JSON, as `number`; 23 is `undefined`. */
  SIMPLE,
}

/** Takes a string's bytes as they come. */
export interface TextSink {
  /** Takes `bytes[from..to)`. @returns where it stopped: at `to`, or at the first byte that it has no use for */
  take(bytes: Uint8Array, from: number, to: number): number;
  /** What came was not all: the string has what no text of its kind has. */
  spoil(): void;
}

/**
 * An incremental reader of one value that is pulled: each {@link read} goes on to the next event. The bytes may
 * come in pieces of any size; the events do not depend on where they were cut. Nothing is allocated after
 * construction, and nothing is kept but what the caller asks for.
 */
export interface ValueReader {
  /** Index of the first byte that was not consumed. */
  readonly at: number;
  /** Why REFUSED. */
  readonly status: Status;
  /** Open objects and arrays. */
  readonly depth: number;
  /** Whether white space may stand behind the value. */
  readonly isText: boolean;
  /** The last KEY in UTF-8. */
  readonly key: Uint8Array;
  /** Its length in bytes, −1 for a key that is no text; above `key.length` only its start was kept. */
  readonly keyLength: number;
  /** The last NUMBER. */
  readonly number: number;
  /** Whether it is an integer within ±(2^53 − 1). */
  readonly isInteger: boolean;
  /** Bytes of the last STRING if it was captured, else 0; above the capacity it did not fit. */
  readonly textLength: number;

  /** Ready for a new value. */
  reset(): void;

  /**
   * For the next value only: if it is a string, it goes to `into[from…to)`. A string that was not asked for is
   * checked and dropped.
   */
  capture(into: Uint8Array, from: number, to: number): void;

  /** For the next value only: if it is a string, `sink` takes it as it comes, without its quotes. */
  stream(sink: TextSink): void;

  /**
   * Behind a KEY: its value, of any size and nesting within the depth, is checked and dropped without events.
   * The next event is that of the next member or the end of the object.
   */
  skip(): void;

  /**
   * Goes on with `bytes[from…to)` to the next event; `at` is how far it came. END comes as soon as the top-level value
   * is complete; what follows is the caller's business.
   */
  read(bytes: Uint8Array, from: number, to: number): ValueEvent;

  /** The input is over: END; or the NUMBER that only the end of its text completes, END the next time; or REFUSED. */
  finish(): ValueEvent;
}
