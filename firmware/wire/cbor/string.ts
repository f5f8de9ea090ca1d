import { Status } from "../../status.js";
import { copyPlain, skipPlain } from "../run.js";
import { utf8Next } from "../utf8.js";

/** The content of one CBOR string at a time, in pieces of any size; text is checked to be UTF-8. */
export class CborString {
  /** Index of the first byte that was not consumed. */
  at: number;
  /** Bytes so far, also of those that there was no room for. */
  length: number;
  /** Bytes to come, up to the end of the string or of its chunk. */
  left: number;
  /** Whether it is text (major type 3). */
  isText: boolean;
  /** Inside a character: a state of {@link utf8Next}. */
  private step: number;

  constructor() {
    this.at = 0;
    this.length = 0;
    this.left = 0;
    this.isText = false;
    this.step = 0;
  }

  /** At a new string of `left` bytes, or whose chunks say how many each has. */
  start(isText: boolean, left: number): void {
    this.isText = isText;
    this.left = left;
    this.length = 0;
    this.step = 0;
  }

  /**
   * Goes on with `bytes[from…to)`, and stops at the string's or chunk's end. What fits is written to
   * `out[outFrom…outTo)`, the same range in each call for one string; a character at its edge may be cut.
   *
   * @returns OK at the end; CBOR_TRUNCATED when the bytes did not reach it; else why refused
   */
  read(bytes: Uint8Array, from: number, to: number, out: Uint8Array, outFrom: number, outTo: number): Status {
    const end = Math.min(to, from + this.left);
    const start = outFrom + this.length;
    const status = this.isText
      ? this.text(bytes, from, end, out, start, outTo)
      : this.bytes(bytes, from, end, out, start, outTo);
    this.left -= this.at - from;
    this.length += this.at - from;
    if (status !== Status.OK || this.left > 0) return status === Status.OK ? Status.CBOR_TRUNCATED : status;
    // Each chunk of a text is whole characters (RFC 8949, 3.2.3).
    return this.step === 0 ? Status.OK : Status.CBOR_UTF8;
  }

  private bytes(
    bytes: Uint8Array,
    from: number,
    end: number,
    out: Uint8Array,
    at: number,
    outTo: number,
  ): Status {
    const keptTo = Math.min(end, from + outTo - at);
    let o = at;
    for (let i = from; i < keptTo; i++) {
      out[o] = bytes[i];
      o++;
    }
    this.at = end;
    return Status.OK;
  }

  private text(
    bytes: Uint8Array,
    from: number,
    end: number,
    out: Uint8Array,
    at: number,
    outTo: number,
  ): Status {
    let i = from;
    let o = at;
    let step = this.step;
    while (i < end) {
      if (step === 0) {
        const start = i;
        if (o < outTo) i = copyPlain(bytes, i, end - i < outTo - o ? end : i + outTo - o, out, o);
        else i = skipPlain(bytes, i, end);
        o += i - start;
      }
      if (i < end) {
        step = utf8Next(step, bytes[i]);
        if (step < 0) break;
        if (o < outTo) out[o] = bytes[i];
        o++;
        i++;
      }
    }
    this.step = step;
    this.at = i;
    return step < 0 ? Status.CBOR_UTF8 : Status.OK;
  }
}
