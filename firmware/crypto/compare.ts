/**
 * Whether `length` bytes of `a` from `aFrom` and of `b` from `bFrom` are the same. It reads all of them,
 * wherever they differ: the time taken reveals nothing about the secret.
 */
export function sameSecret(
  a: Uint8Array,
  aFrom: number,
  b: Uint8Array,
  bFrom: number,
  length: number,
): boolean {
  let difference = 0;
  for (let i = 0; i < length; i++) difference |= a[aFrom + i] ^ b[bFrom + i];
  return difference === 0;
}
