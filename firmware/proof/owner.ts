import { unitInterval } from "../crypto/jitter.js";
import type { Scratch } from "../crypto/scratch.js";

/** The first 32 bits of HMAC-SHA-256(secret, text ‖ u32be(0)): whose a record is. */
export function whose(scratch: Scratch, secret: Uint8Array, text: Uint8Array): number {
  scratch.key.set(scratch.hash, secret, secret.length);
  return Math.floor(unitInterval(scratch.hash, scratch.key, text, text.length, 0) * 0x100000000);
}
