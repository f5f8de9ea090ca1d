/** Tags of DER (X.690) that certificates are made of. */
export enum Tag {
  BOOLEAN = 0x01,
  INTEGER = 0x02,
  BIT_STRING = 0x03,
  OCTET_STRING = 0x04,
  NULL = 0x05,
  OBJECT_IDENTIFIER = 0x06,
  UTC_TIME = 0x17,
  GENERALIZED_TIME = 0x18,
  SEQUENCE = 0x30,
}

/** Lengths of two bytes: no certificate that fits a device is longer. */
const LENGTH_BYTES_MAX = 2;

/** Whether both hold the same bytes. */
export const isSame = (a: Uint8Array, b: Uint8Array | readonly number[]): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
};

/** Reads DER from the front to the end, never beyond it. Every method throws an Error where the bytes are no DER. */
export class Der {
  private readonly bytes: Uint8Array;
  private at: number;
  private readonly to: number;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.bytes = bytes;
    this.at = from;
    this.to = to;
  }

  /** Whether an element of this tag comes next. */
  isNext(tag: number): boolean {
    return this.at < this.to && this.bytes[this.at] === tag;
  }

  get isAtEnd(): boolean {
    return this.at === this.to;
  }

  /** What the next element holds; it must have this tag. */
  open(tag: number): Der {
    if (!this.isNext(tag)) throw new Error(`DER: no element ${tag} at ${this.at}`);
    return this.next();
  }

  /** What the next element holds, whatever its tag. */
  next(): Der {
    const length = this.lengthAt(this.at + 1);
    const from = this.at + 2 + this.lengthBytesAt(this.at + 1);
    if (from + length > this.to) throw new Error(`DER: an element at ${this.at} is cut short`);
    this.at = from + length;
    return new Der(this.bytes, from, this.at);
  }

  /** The next element with its tag and length. */
  whole(): Uint8Array {
    const from = this.at;
    this.next();
    return this.bytes.subarray(from, this.at);
  }

  /** What is left. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.at, this.to);
  }

  /** What is left, in hexadecimal: how object identifiers are compared. */
  hex(): string {
    let text = "";
    for (let i = this.at; i < this.to; i++) text += ((this.bytes[i] as number) + 256).toString(16).slice(1);
    return text;
  }

  /** What is left, as text of single bytes. */
  ascii(): string {
    let text = "";
    for (let i = this.at; i < this.to; i++) text += String.fromCharCode(this.bytes[i] as number);
    return text;
  }

  /** How many bytes of the length at `at` follow its first. */
  private lengthBytesAt(at: number): number {
    const first = at < this.to ? (this.bytes[at] as number) : 0xff;
    const count = first < 0x80 ? 0 : first - 0x80;
    if (first === 0x80 || count > LENGTH_BYTES_MAX || at + count >= this.to) {
      throw new Error(`DER: no length at ${at}`);
    }
    return count;
  }

  private lengthAt(at: number): number {
    const count = this.lengthBytesAt(at);
    if (count === 0) return this.bytes[at] as number;
    let length = 0;
    for (let i = 1; i <= count; i++) length = length * 256 + (this.bytes[at + i] as number);
    if (length < 0x80 || (count === 2 && length < 0x100)) throw new Error(`DER: a padded length at ${at}`);
    return length;
  }
}
