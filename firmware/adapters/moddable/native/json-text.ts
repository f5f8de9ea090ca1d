import { Status } from "motekey/status";

/** By what the C returns. */
const STATUSES = new Uint8Array([
  Status.OK,
  Status.JSON_TRUNCATED,
  Status.JSON_SYNTAX,
  Status.JSON_UTF8,
  Status.JSON_SURROGATE,
]);

/** Goes on with the members of `text` below, sets them, and `at`. */
const readText: (
  text: JsonText,
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  outFrom: number,
  outTo: number,
) => number = native("xs_motekey_readText");

/** `JsonText` in the place of wire/json/text on this engine, with the C of `firmware/native`. */
export class JsonText {
  at: number;
  length: number;
  /** Where inside a character, the escaped one so far, and the high surrogate before it or 0: the C's matter. */
  readonly step: number;
  readonly scalar: number;
  readonly high: number;

  constructor() {
    this.at = 0;
    this.length = 0;
    this.step = 0;
    this.scalar = 0;
    this.high = 0;
  }

  start(plain: number): void {
    this.length = plain;
    (this as { step: number }).step = 0;
    (this as { high: number }).high = 0;
  }

  read(bytes: Uint8Array, from: number, to: number, out: Uint8Array, outFrom: number, outTo: number): Status {
    return STATUSES[readText(this, bytes, from, to, out, outFrom, outTo)] as Status;
  }
}
