import { bytesOf, type Text, utf8Length, writeUtf8 } from "../bytes.js";
import type { FieldWriter } from "../field-writer.js";
import { Writer } from "../writer.js";

const UNSIGNED = 0x00;
const BYTES = 0x40;
const TEXT = 0x60;
const ARRAY = 0x80;
const MAP = 0xa0;
const TWO_32 = 4294967296;

/** Bytes of an item's head: the shortest that holds its argument, 0…2^53−1 (RFC 8949, 4.2.1). */
function headLength(argument: number): number {
  if (argument < 24) return 1;
  if (argument < 0x100) return 2;
  if (argument < 0x10000) return 3;
  return argument < TWO_32 ? 5 : 9;
}

/** Writes an item's head. @param major the major type, in the upper three bits */
function writeHead(out: Uint8Array, at: number, major: number, argument: number): number {
  const length = headLength(argument);
  const end = at + length;
  if (length === 1) {
    out[at] = major + argument;
    return end;
  }
  out[at] = major + (length === 2 ? 24 : length === 3 ? 25 : length === 5 ? 26 : 27);
  let rest = argument;
  for (let i = end - 1; i > at; i--) {
    const high = Math.floor(rest / 256);
    out[i] = rest - high * 256;
    rest = high;
  }
  return end;
}

/**
 * A text item, for pieces that are prepared: a map's key, or a key and a constant value.
 *
 * @construction
 */
export function cborText(text: string): Uint8Array {
  const content = bytesOf(text);
  const item = new Uint8Array(headLength(content.length) + content.length);
  item.set(content, writeHead(item, 0, TEXT, content.length));
  return item;
}

/**
 * Writes CBOR (RFC 8949) with a {@link Writer}, each item in its shortest form. It is deterministic (4.2.1) if its user
 * names a map's keys in the order of their encoded bytes: the shorter first.
 */
export class CborWriter implements FieldWriter {
  readonly writer: Writer;

  constructor() {
    this.writer = new Writer();
  }

  /** A map: so many pairs follow. */
  pairs(count: number): void {
    this.head(MAP, count);
  }

  /** An array: so many items follow. */
  items(count: number): void {
    this.head(ARRAY, count);
  }

  /** Prepared items, or the content of a byte string. */
  bytes(piece: Uint8Array): void {
    this.writer.bytes(piece);
  }

  /** A whole number, 0…2^53−1. */
  integer(value: number): void {
    this.head(UNSIGNED, value);
  }

  /** A text; of a string, lone surrogates become U+FFFD. */
  string(text: Text): void {
    const writer = this.writer;
    if (text instanceof Uint8Array) {
      this.head(TEXT, text.length);
      writer.bytes(text);
      return;
    }
    const length = utf8Length(text);
    this.head(TEXT, length);
    if (writer.out !== null) writeUtf8(writer.out, writer.at, text);
    writer.at += length;
  }

  /** A text of the first `length` bytes of `text`. */
  stringPart(text: Uint8Array, length: number): void {
    this.head(TEXT, length);
    this.writer.part(text, length);
  }

  /** A byte string of so many bytes, which follow. */
  byteString(length: number): void {
    this.head(BYTES, length);
  }

  open(name: Uint8Array, count: number): void {
    this.string(name);
    this.pairs(count);
  }

  close(): void {}

  number(name: Uint8Array, value: number): void {
    this.string(name);
    this.integer(value);
  }

  text(name: Uint8Array, text: Text): void {
    this.string(name);
    this.string(text);
  }

  plain(name: Uint8Array, text: Uint8Array, length: number): void {
    this.string(name);
    this.stringPart(text, length);
  }

  private head(major: number, argument: number): void {
    const writer = this.writer;
    if (writer.out !== null) writeHead(writer.out, writer.at, major, argument);
    writer.at += headLength(argument);
  }
}
