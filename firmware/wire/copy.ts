/** Bytes compared and copied, so often that an engine may replace this file at build time by its native ways. */

/** Whether two runs of bytes are equal. It stops at the first difference: not for secrets. */
export function sameBytes(
  a: Uint8Array,
  aFrom: number,
  b: Uint8Array,
  bFrom: number,
  length: number,
): boolean {
  let i = 0;
  while (i < length) {
    if (a[aFrom + i] !== b[bFrom + i]) return false;
    i++;
  }
  return true;
}

/** Copies `from[start…end)` to `out[at…]` without the view that `set` would need. */
export function copyBytes(out: Uint8Array, at: number, from: Uint8Array, start: number, end: number): number {
  let o = at;
  let i = start;
  while (i < end) {
    out[o] = from[i];
    o++;
    i++;
  }
  return o;
}
