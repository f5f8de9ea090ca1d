import { Status } from "../../status.js";

/** What the last character was part of (RFC 8259, 6). From INTEGER on: a run of digits. */
enum Part {
  REFUSED = -2,
  ENDED = -1,
  SIGN,
  ZERO,
  POINT,
  E,
  EXPONENT_SIGN,
  INTEGER,
  FRACTION,
  EXPONENT,
}

const NUMBER_BYTES_MAX = 64;
const INTEGER_MAX = 9007199254740991;
/** A mantissa up to here takes one more digit. */
const MANTISSA_MAX = 900719925474099;
/** Beyond it the value is 0 or infinite, whatever the other 60 characters say. */
const EXPONENT_MAX = 999;

function powerOfTen(exponent: number): number {
  return Math.pow(10, exponent);
}

/** What `byte` is part of when it follows `part`. */
function partBehind(part: Part, byte: number): Part {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  if (part === Part.SIGN && isDigit) return byte === 0x30 ? Part.ZERO : Part.INTEGER;
  if (part === Part.POINT) return isDigit ? Part.FRACTION : Part.REFUSED;
  if (part === Part.E && (byte === 0x2b || byte === 0x2d)) return Part.EXPONENT_SIGN;
  if (part === Part.E || part === Part.EXPONENT_SIGN) return isDigit ? Part.EXPONENT : Part.REFUSED;
  // Left: a sign without its digit, and complete numbers; of those a zero is followed by no digit.
  if (part === Part.SIGN || isDigit) return Part.REFUSED;
  if (part !== Part.EXPONENT && (byte === 0x65 || byte === 0x45)) return Part.E;
  return byte === 0x2e && (part === Part.ZERO || part === Part.INTEGER) ? Part.POINT : Part.ENDED;
}

/** One JSON number at a time, in pieces of any size. */
export class JsonNumber {
  /** Index of the first byte that was not consumed. */
  at: number;
  /** With up to 15 digits and exponents within ±22 the nearest double, else within 2^−48 of the number. */
  value: number;
  /** Written without fraction and exponent, and within ±(2^53 − 1). */
  isInteger: boolean;

  private part: Part;
  private length: number;
  private isNegative: boolean;
  private mantissa: number;
  /** Power of ten for the digits that the mantissa left out and for those of the fraction. */
  private scale: number;
  private exponent: number;
  private isExponentNegative: boolean;

  constructor() {
    this.at = 0;
    this.value = 0;
    this.isInteger = false;
    this.part = Part.SIGN;
    this.length = 0;
    this.isNegative = false;
    this.mantissa = 0;
    this.scale = 0;
    this.exponent = 0;
    this.isExponentNegative = false;
  }

  /** At a new number, of which only the minus, if there is one, is consumed. */
  start(isNegative: boolean): void {
    this.isNegative = isNegative;
    this.length = isNegative ? 1 : 0;
    this.part = Part.SIGN;
    this.mantissa = 0;
    this.scale = 0;
    this.exponent = 0;
    this.isExponentNegative = false;
  }

  /**
   * Goes on with `bytes[from…to)`.
   *
   * @returns OK before the first byte that is not the number's; JSON_TRUNCATED when there was none, so that it
   *   may go on (see {@link finish}); else why refused
   */
  read(bytes: Uint8Array, from: number, to: number): Status {
    let i = from;
    let part = this.part;
    let mantissa = this.mantissa;
    while (i < to) {
      const byte = bytes[i];
      if (part < Part.INTEGER || byte < 0x30 || byte > 0x39) {
        const next = partBehind(part, byte);
        if (next < 0) {
          this.length += i - from;
          this.at = i;
          this.mantissa = mantissa;
          if (this.length > NUMBER_BYTES_MAX) return Status.JSON_NUMBER;
          if (next === Part.REFUSED) return Status.JSON_SYNTAX;
          this.part = part;
          return this.finish();
        }
        part = next;
        if (byte === 0x2d) this.isExponentNegative = true;
      }
      if (part === Part.INTEGER && mantissa <= MANTISSA_MAX) mantissa = mantissa * 10 + (byte - 0x30);
      else if (part === Part.INTEGER) this.scale++;
      else if (part === Part.FRACTION && mantissa <= MANTISSA_MAX) {
        mantissa = mantissa * 10 + (byte - 0x30);
        this.scale--;
      } else if (part === Part.EXPONENT && this.exponent <= EXPONENT_MAX) {
        this.exponent = this.exponent * 10 + byte - 0x30;
      }
      i++;
    }
    this.part = part;
    this.mantissa = mantissa;
    this.length += i - from;
    this.at = i;
    return this.length > NUMBER_BYTES_MAX ? Status.JSON_NUMBER : Status.JSON_TRUNCATED;
  }

  /** The number is over: OK and its value, or JSON_TRUNCATED. */
  finish(): Status {
    const part = this.part;
    if (part !== Part.ZERO && part < Part.INTEGER) return Status.JSON_TRUNCATED;
    let value = this.mantissa;
    this.isInteger =
      (part === Part.ZERO || part === Part.INTEGER) && this.scale === 0 && value <= INTEGER_MAX;
    const scale = this.scale + (this.isExponentNegative ? -this.exponent : this.exponent);
    if (value !== 0 && scale > 0) value *= powerOfTen(scale);
    if (scale < -300) value = value / 1e300 / powerOfTen(-scale - 300);
    else if (scale < 0) value /= powerOfTen(-scale);
    this.value = this.isNegative ? -value : value;
    return Status.OK;
  }
}
