/**
 * In the place of wire/run on this engine, where an element of a typed array costs as much as ten comparisons: no
 * table, and each byte is read once. 0x22 is the quote, 0x5c the backslash.
 */

/**
 * Copies the run that starts at `from` to `out[at…]`, which must have room for `to − from` bytes.
 *
 * @returns the index behind the run: `to`, or that of the first byte which is not plain
 */
export function copyPlain(bytes: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  const shift = at - from;
  let byte = 0;
  let i = from;
  while (i < to) {
    byte = bytes[i];
    if (byte > 0x5c) {
      if (byte > 0x7f) return i;
    } else if (byte < 0x23) {
      if (byte < 0x20 || byte === 0x22) return i;
    } else if (byte === 0x5c) return i;
    out[i + shift] = byte;
    i++;
  }
  return i;
}

/** The same without the copy. */
export function skipPlain(bytes: Uint8Array, from: number, to: number): number {
  let byte = 0;
  let i = from;
  while (i < to) {
    byte = bytes[i];
    if (byte > 0x5c) {
      if (byte > 0x7f) return i;
    } else if (byte < 0x23) {
      if (byte < 0x20 || byte === 0x22) return i;
    } else if (byte === 0x5c) return i;
    i++;
  }
  return i;
}
