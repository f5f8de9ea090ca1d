import { NO_BYTES } from "../bytes.js";
import type { TextSink } from "../value.js";

/** What comes before what is sealed. */
export const SALT_BYTES = 12;

/**
 * A sealed token as it streams in (the wire's B7): unpadded base64url, 12 bytes of salt and then the token, which is
 * decoded into the place that a token in the clear has. No room is needed for the text.
 */
export class SealedText implements TextSink {
  readonly salt: Uint8Array;
  /** There is one: what is decoded is to be opened with the salt. */
  isPresent: boolean;
  /** Hello's `ext` names the first version of sealed tokens. */
  isOffered: boolean;
  private out: Uint8Array;
  /** Characters so far; −1: it is no such text. */
  private count: number;
  /** The bits of those that make no three bytes yet. */
  private held: number;

  constructor() {
    this.salt = new Uint8Array(SALT_BYTES);
    this.reset();
  }

  /** A frame begins. */
  reset(): void {
    this.isPresent = false;
    this.isOffered = false;
    this.out = NO_BYTES;
    this.count = -1;
    this.held = 0;
  }

  /** A text begins whose token goes to `out`. @returns what takes it */
  begin(out: Uint8Array): this {
    this.isPresent = true;
    this.out = out;
    this.count = 0;
    this.held = 0;
    return this;
  }

  /** Without a call for a character, nor a table: on XS an element is as dear as ten comparisons. */
  take(bytes: Uint8Array, from: number, to: number): number {
    if (this.count < 0) return to;
    let count = this.count;
    let held = this.held;
    let i = from;
    while (i < to) {
      const byte = bytes[i];
      let bits = -1;
      if (byte >= 0x61) bits = byte <= 0x7a ? byte - 71 : -1;
      else if (byte >= 0x41) bits = byte <= 0x5a ? byte - 65 : byte === 0x5f ? 63 : -1;
      else if (byte >= 0x30) bits = byte <= 0x39 ? byte + 4 : -1;
      else if (byte === 0x2d) bits = 62;
      if (bits < 0) break;
      held = (held << 6) | bits;
      count++;
      i++;
      if ((count & 3) === 0) {
        this.keep(held, (count >> 2) * 3 - 3, 3);
        held = 0;
      }
    }
    this.count = count;
    this.held = held;
    return i;
  }

  spoil(): void {
    this.count = -1;
  }

  /**
   * The text is over: bytes of the token, more than `out` has where it was too long; 0 where it is not the one way to
   * write them (RFC 4648, 3.5 and 5), or there is none.
   */
  end(): number {
    const rest = this.count & 3;
    const length = (this.count >> 2) * 3 + Math.max(0, rest - 1) - SALT_BYTES;
    const unused = rest === 2 ? 15 : rest === 3 ? 3 : 0;
    if (length <= 0 || rest === 1 || (this.held & unused) !== 0) return 0;
    if (rest > 0) this.keep(this.held << (rest === 2 ? 12 : 6), (this.count >> 2) * 3, rest - 1);
    return length;
  }

  /** The first bytes of 24 bits. @param at their place behind the salt's first byte */
  private keep(held: number, at: number, count: number): void {
    const isSalt = at < SALT_BYTES;
    const out = isSalt ? this.salt : this.out;
    const from = isSalt ? at : at - SALT_BYTES;
    const to = Math.min(from + count, out.length);
    if (from < to) out[from] = held >> 16;
    if (from + 1 < to) out[from + 1] = held >> 8;
    if (from + 2 < to) out[from + 2] = held;
  }
}
