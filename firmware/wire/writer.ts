import { decimalLength, jsonTextLength, type Text, writeDecimal, writeJsonText } from "./bytes.js";

/**
 * Writes pieces one behind the other, or, while it has nothing to write on, only counts them: so that one
 * function lays out a frame both for its length and for its bytes.
 */
export class Writer {
  /** Where the next piece goes; after counting: how many bytes there were. */
  at: number;
  /** What is written on; null while pieces are counted. */
  out: Uint8Array | null;

  constructor() {
    this.at = 0;
    this.out = null;
  }

  /** From now on pieces are counted. */
  count(): void {
    this.out = null;
    this.at = 0;
  }

  /** From now on pieces go to `out`, from `at` on. */
  write(out: Uint8Array, at: number): void {
    this.out = out;
    this.at = at;
  }

  bytes(piece: Uint8Array): void {
    if (this.out !== null) this.out.set(piece, this.at);
    this.at += piece.length;
  }

  /** The first `length` bytes of `piece`. */
  part(piece: Uint8Array, length: number): void {
    const out = this.out;
    if (out !== null) for (let i = 0; i < length; i++) out[this.at + i] = piece[i];
    this.at += length;
  }

  /** A whole number, 0…2^53−1. */
  decimal(value: number): void {
    if (this.out === null) this.at += decimalLength(value);
    else this.at = writeDecimal(this.out, this.at, value);
  }

  /** What stands between the quotes of a JSON string. */
  text(text: Text): void {
    if (this.out === null) this.at += jsonTextLength(text);
    else this.at = writeJsonText(this.out, this.at, text);
  }
}
