import { copyBytes, NO_BYTES } from "../wire/bytes.js";

/** A peer's words when it refused something last. They are kept once, so a failure has them by their number. */
export class PeerWords {
  /** Which words these are; 0: none were said yet. */
  serial: number;
  /** The reason code of MQTT, HTTP or a Close; 0: there was none. */
  code: number;
  /** The text, as much of it as is kept: the first `length` bytes. */
  bytes: Uint8Array;
  length: number;

  constructor() {
    this.serial = 0;
    this.code = 0;
    this.bytes = NO_BYTES;
    this.length = 0;
  }

  /** A code, and no text so far. */
  keep(code: number): void {
    this.serial++;
    this.code = code;
    this.length = 0;
  }
}

/** Room for texts. @construction */
export const makeRoom = (words: PeerWords, bytes: number): void => {
  if (words.bytes.length < bytes) words.bytes = new Uint8Array(bytes);
};

/** The text that came with the code. Where peers have none to say, no bundle carries this. */
export const keepText = (words: PeerWords, text: Uint8Array, length: number): void => {
  words.length = Math.min(length, words.bytes.length);
  copyBytes(words.bytes, 0, text, 0, words.length);
};
