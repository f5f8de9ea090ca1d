import type { Sha256 } from "./sha256.js";

const TWO_TO_32 = 0x100000000;

/** Hashes a whole number, 0…2^53−1, as eight bytes, the high one first. */
export function pushUint64(hash: Sha256, value: number): void {
  const high = Math.floor(value / TWO_TO_32);
  hash.pushU32(high);
  hash.pushU32(value - high * TWO_TO_32);
}
