/**
 * Text and numbers as bytes. Nothing here allocates but {@link bytesOf}. Writers take the index to write at
 * and return the one behind what they wrote; they do not check for room: ask for the length first.
 */

export { copyBytes, sameBytes } from "./copy.js";
export { decimalLength, writeDecimal } from "./decimal.js";

/**
 * Text as the app has it: a string, or its UTF-8. Where strings are made of bytes (Espruino), text beyond
 * ASCII must come as UTF-8.
 */
export type Text = string | Uint8Array;

/** Nothing, where there is nothing yet. */
export const NO_BYTES = new Uint8Array(0);

/** The letter behind the backslash for 8–13 (RFC 8259, 7), 0 where there is none. */
const SHORT_ESCAPES = new Uint8Array([0x62, 0x74, 0x6e, 0, 0x66, 0x72]);

/** The Unicode scalar value at an index; a lone surrogate is U+FFFD. */
function scalarAt(text: string, index: number): number {
  const unit = text.charCodeAt(index);
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit < 0xdc00 && index + 1 < text.length) {
    const low = text.charCodeAt(index + 1);
    if (low >= 0xdc00 && low <= 0xdfff) return 0x10000 + (unit - 0xd800) * 0x400 + low - 0xdc00;
  }
  return 0xfffd;
}

/** How many units of the string a scalar took: 2 for a pair, but 1 on XS, whose units are code points. */
function unitsAt(text: string, index: number, scalar: number): number {
  return scalar > 0xffff && text.charCodeAt(index) <= 0xffff ? 2 : 1;
}

/** Bytes of a Unicode scalar value in UTF-8: 1–4. */
export function scalarLength(scalar: number): number {
  if (scalar < 0x80) return 1;
  if (scalar < 0x800) return 2;
  return scalar < 0x10000 ? 3 : 4;
}

/** Writes a Unicode scalar value as UTF-8 (RFC 3629, 3). */
export function writeScalar(out: Uint8Array, at: number, scalar: number): number {
  if (scalar < 0x80) {
    out[at] = scalar;
    return at + 1;
  }
  const end = at + scalarLength(scalar);
  let rest = scalar;
  let i = end - 1;
  while (i > at) {
    out[i] = 0x80 | (rest & 0x3f);
    rest >>= 6;
    i--;
  }
  // The lead byte has as many leading ones as the character has bytes: C0, E0, F0.
  out[at] = ((0xf00 >> (end - at)) & 0xff) | rest;
  return end;
}

/** Bytes of a string in UTF-8; a lone surrogate counts as U+FFFD. */
export function utf8Length(text: string): number {
  const units = text.length;
  let length = 0;
  let i = 0;
  while (i < units) {
    const scalar = scalarAt(text, i);
    length += scalarLength(scalar);
    i += unitsAt(text, i, scalar);
  }
  return length;
}

/** Writes a string as UTF-8; a lone surrogate becomes U+FFFD. */
export function writeUtf8(out: Uint8Array, at: number, text: string): number {
  const units = text.length;
  let o = at;
  let i = 0;
  while (i < units) {
    const scalar = scalarAt(text, i);
    o = writeScalar(out, o, scalar);
    i += unitsAt(text, i, scalar);
  }
  return o;
}

/**
 * A string's UTF-8 in a new array.
 *
 * @construction
 */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(bytes, 0, text);
  return bytes;
}

/** Bytes of an ASCII character, or of any byte from 0x80 on, inside a JSON string. */
function escapedLength(byte: number): number {
  if (byte >= 0x20) return byte === 0x22 || byte === 0x5c ? 2 : 1;
  return byte >= 8 && byte <= 13 && byte !== 11 ? 2 : 6;
}

function hexDigit(nibble: number): number {
  return nibble < 10 ? 0x30 + nibble : 0x57 + nibble;
}

function writeEscaped(out: Uint8Array, at: number, byte: number): number {
  const length = escapedLength(byte);
  if (length === 1) {
    out[at] = byte;
    return at + 1;
  }
  out[at] = 0x5c;
  if (length === 2) {
    out[at + 1] = byte >= 0x20 ? byte : SHORT_ESCAPES[byte - 8];
    return at + 2;
  }
  out[at + 1] = 0x75;
  out[at + 2] = 0x30;
  out[at + 3] = 0x30;
  out[at + 4] = hexDigit(byte >> 4);
  out[at + 5] = hexDigit(byte & 15);
  return at + 6;
}

/** Bytes of a text as the content of a JSON string (RFC 8259, 7), the quotes not counted. */
export function jsonTextLength(text: Text): number {
  const units = text.length;
  let length = 0;
  let i = 0;
  if (!(text instanceof Uint8Array)) {
    while (i < units) {
      const scalar = scalarAt(text, i);
      length += scalar < 0x80 ? escapedLength(scalar) : scalarLength(scalar);
      i += unitsAt(text, i, scalar);
    }
  } else {
    while (i < units) {
      length += escapedLength(text[i]);
      i++;
    }
  }
  return length;
}

/**
 * Writes a text as the content of a JSON string, without the quotes. It escapes what must be (`"`, `\` and
 * below 0x20), in the form that JSON.stringify chooses; UTF-8 is taken as it is.
 */
export function writeJsonText(out: Uint8Array, at: number, text: Text): number {
  const units = text.length;
  let o = at;
  let i = 0;
  if (!(text instanceof Uint8Array)) {
    while (i < units) {
      const scalar = scalarAt(text, i);
      o = scalar < 0x80 ? writeEscaped(out, o, scalar) : writeScalar(out, o, scalar);
      i += unitsAt(text, i, scalar);
    }
  } else {
    while (i < units) {
      o = writeEscaped(out, o, text[i]);
      i++;
    }
  }
  return o;
}
