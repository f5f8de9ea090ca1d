/**
 * The bytes of an ASCII text.
 *
 * @construction
 */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** How many decimal digits an integer in 0…2^53−1 has. */
export function decimalLength(value: number): number {
  let length = 1;
  while (value >= 10) {
    value = Math.floor(value / 10);
    length++;
  }
  return length;
}

/** Writes an integer in 0…2^53−1 in decimal digits to `out` at `at`; returns where it ends. */
export function writeDecimal(out: Uint8Array, at: number, value: number): number {
  const end = at + decimalLength(value);
  for (let i = end - 1; i >= at; i--) {
    const rest = Math.floor(value / 10);
    out[i] = 48 + (value - rest * 10);
    value = rest;
  }
  return end;
}

/**
 * Writes `bytes[from..to)` as lower-case hex to `out` at `at`; returns where it ends. The bytes may be the
 * second half of their own place in `out`: each is read before its place is written.
 */
export function writeHex(out: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    const high = bytes[i] >> 4;
    const low = bytes[i] & 15;
    out[at++] = high < 10 ? 48 + high : 87 + high;
    out[at++] = low < 10 ? 48 + low : 87 + low;
  }
  return at;
}
