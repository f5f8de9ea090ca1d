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
