import type { Entropy } from "../ports.js";

const TWO_TO_48 = 281_474_976_710_656;

/** Evenly spread in [0, 1), in steps of 2^−48. The first 6 bytes of `scratch` are overwritten. */
export function randomUnit(entropy: Entropy, scratch: Uint8Array): number {
  let value = 0;
  entropy.fill(scratch, 0, 6);
  for (let i = 0; i < 6; i++) value = value * 256 + scratch[i];
  return value / TWO_TO_48;
}

/** A whole number from 1 to 2^48. */
export function randomId(entropy: Entropy, scratch: Uint8Array): number {
  return 1 + randomUnit(entropy, scratch) * TWO_TO_48;
}
