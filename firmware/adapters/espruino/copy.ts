/** In the place of wire/copy on this engine: a native call costs as much as looking at a few bytes. */

/** Shorter runs are compared byte by byte. */
const NATIVE_BYTES_MIN = 3;

const textOf = (bytes: Uint8Array, from: number, length: number): string =>
  E.toString(new Uint8Array(bytes.buffer, bytes.byteOffset + from, length));

/** Whether two runs of bytes are equal. It stops at the first difference: not for secrets. */
export function sameBytes(
  a: Uint8Array,
  aFrom: number,
  b: Uint8Array,
  bFrom: number,
  length: number,
): boolean {
  if (length >= NATIVE_BYTES_MIN) return textOf(a, aFrom, length) === textOf(b, bFrom, length);
  let i = 0;
  while (i < length && a[aFrom + i] === b[bFrom + i]) i++;
  return i === length;
}

/** Copies `from[start…end)` to `out[at…]`. */
export function copyBytes(out: Uint8Array, at: number, from: Uint8Array, start: number, end: number): number {
  if (end > start) out.set(new Uint8Array(from.buffer, from.byteOffset + start, end - start), at);
  return at + Math.max(0, end - start);
}
