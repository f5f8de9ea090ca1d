import { copyBytes, NO_BYTES } from "../wire/bytes.js";

/** The text of a peer's last refusal. It is kept once, and a failure refers to it by its number. */
export class PeerWords {
  /** The text's number; 0: there was none yet. */
  serial: number;
  /** The reason code of MQTT, HTTP or a Close; 0: there was none. */
  code: number;
  /** The text, cut to the first `length` bytes. */
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

/** The text that came with the code. Bundles whose peers send none do not carry this. */
export const keepText = (words: PeerWords, text: Uint8Array, length: number): void => {
  words.length = Math.min(length, words.bytes.length);
  copyBytes(words.bytes, 0, text, 0, words.length);
};
