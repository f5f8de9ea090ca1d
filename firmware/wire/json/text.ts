import { Status } from "../../status.js";
import { scalarLength, writeScalar } from "../bytes.js";
import { copyPlain, skipPlain } from "../run.js";
import { utf8Next } from "../utf8.js";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where inside a character: 1…7 are the states of {@link utf8Next}. */
enum Step {
  BOUNDARY = 0,
  /** Behind a backslash. */
  ESCAPE = 8,
  /** The last of four hexadecimal digits is to come … */
  HEX_LAST = 9,
  /** … and the first. */
  HEX_FIRST = 12,
  /** Behind an escaped high surrogate: the backslash, then the `u`, of the low one. */
  LOW = 13,
  LOW_U = 14,
  REFUSED = -1,
}

/** The value of a hexadecimal digit, −1 for another byte. */
function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** What a letter behind a backslash stands for (RFC 8259, 7), −1 for nothing. */
function unescaped(letter: number): number {
  if (letter === QUOTE || letter === BACKSLASH || letter === 0x2f) return letter;
  if (letter === 0x6e) return 0x0a;
  if (letter === 0x72) return 0x0d;
  if (letter === 0x74) return 0x09;
  if (letter === 0x62) return 0x08;
  return letter === 0x66 ? 0x0c : -1;
}

/** The content of one JSON string at a time, in pieces of any size, checked and decoded to UTF-8. */
export class JsonText {
  /** Index of the first byte that was not consumed. */
  at: number;
  /** Bytes of the decoded text so far, also of those that there was no room for. */
  length: number;

  private step: Step;
  /** The escaped character so far, and the high surrogate before it or 0. */
  private scalar: number;
  private high: number;
  private status: Status;

  constructor() {
    this.at = 0;
    this.length = 0;
    this.step = Step.BOUNDARY;
    this.scalar = 0;
    this.high = 0;
    this.status = Status.OK;
  }

  /** At a new string, of which `plain` bytes behind its quote are already taken. */
  start(plain: number): void {
    this.length = plain;
    this.step = Step.BOUNDARY;
    this.high = 0;
  }

  /**
   * Goes on with `bytes[from…to)`. What fits is written to `out[outFrom…outTo)`, the same range in each call
   * for one string; a character at its edge may be cut.
   *
   * @returns OK behind the closing quote; JSON_TRUNCATED when the bytes did not reach it; else why refused
   */
  read(bytes: Uint8Array, from: number, to: number, out: Uint8Array, outFrom: number, outTo: number): Status {
    let i = from;
    let o = outFrom + this.length;
    while (i < to) {
      if (this.step === Step.BOUNDARY) {
        const start = i;
        if (o < outTo) i = copyPlain(bytes, i, to - i < outTo - o ? to : i + outTo - o, out, o);
        else i = skipPlain(bytes, i, to);
        o += i - start;
        if (i < to && bytes[i] < 0x23) {
          const byte = bytes[i];
          this.at = i;
          if (byte < 0x20) return Status.JSON_SYNTAX;
          if (byte === QUOTE) {
            this.at = i + 1;
            this.length = o - outFrom;
            return Status.OK;
          }
        }
      }
      o = this.odd(bytes, i, to, out, o, outTo);
      if (this.step === Step.REFUSED) return this.status;
      i = this.at;
    }
    this.at = i;
    this.length = o - outFrom;
    return Status.JSON_TRUNCATED;
  }

  /** Takes escapes and characters beyond ASCII, up to the next byte of another kind. Returns where to write. */
  private odd(
    bytes: Uint8Array,
    from: number,
    to: number,
    out: Uint8Array,
    at: number,
    outTo: number,
  ): number {
    let i = from;
    let o = at;
    let step = this.step;
    while (i < to && (step > Step.BOUNDARY || bytes[i] >= 0x80 || bytes[i] === BACKSLASH)) {
      const byte = bytes[i];
      if (step >= Step.ESCAPE) {
        step = this.escaped(step, byte);
        if (step === Step.BOUNDARY) {
          const end = o + scalarLength(this.scalar);
          if (end <= outTo) writeScalar(out, o, this.scalar);
          o = end;
        }
      } else if (step === Step.BOUNDARY && byte === BACKSLASH) {
        step = Step.ESCAPE;
      } else {
        step = utf8Next(step, byte);
        if (step === Step.REFUSED) this.status = Status.JSON_UTF8;
        if (o < outTo) out[o] = byte;
        o++;
      }
      if (step === Step.REFUSED) break;
      i++;
    }
    this.step = step;
    this.at = i;
    return o;
  }

  /** One byte of an escape. Returns the next step; BOUNDARY when `scalar` is complete. */
  private escaped(step: Step, byte: number): Step {
    if (step === Step.ESCAPE) {
      this.scalar = 0;
      if (byte === 0x75) return Step.HEX_FIRST;
      this.scalar = unescaped(byte);
      return this.scalar < 0 ? this.refused(Status.JSON_SYNTAX) : Step.BOUNDARY;
    }
    if (step === Step.LOW) return byte === BACKSLASH ? Step.LOW_U : this.refused(Status.JSON_SURROGATE);
    if (step === Step.LOW_U) {
      this.scalar = 0;
      return byte === 0x75 ? Step.HEX_FIRST : this.refused(Status.JSON_SURROGATE);
    }
    const digit = hexValue(byte);
    if (digit < 0) return this.refused(Status.JSON_SYNTAX);
    this.scalar = this.scalar * 16 + digit;
    return step === Step.HEX_LAST ? this.paired() : step - 1;
  }

  /** Four digits are read: joins surrogates. */
  private paired(): Step {
    const unit = this.scalar;
    const isLow = unit >= 0xdc00 && unit <= 0xdfff;
    if (isLow !== (this.high !== 0)) return this.refused(Status.JSON_SURROGATE);
    if (isLow) {
      this.scalar = 0x10000 + (this.high - 0xd800) * 0x400 + unit - 0xdc00;
      this.high = 0;
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
      this.high = unit;
      return Step.LOW;
    }
    return Step.BOUNDARY;
  }

  private refused(status: Status): Step {
    this.status = status;
    return Step.REFUSED;
  }
}
