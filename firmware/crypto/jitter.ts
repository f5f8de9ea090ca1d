import { type HmacKey, hmacBegin, hmacEnd } from "./hmac.js";
import type { Sha256 } from "./sha256.js";

/**
 * A number in [0, 1) that spreads refreshes over the fleet: the first 48 bits of
 * HMAC-SHA-256(device secret, host ‖ u32be(generation)). The same for the same token, different from device to
 * device, and not to be foreseen from outside. The host is `host[0..hostLength)`, `generation` in 0…2^32−1.
 */
export function unitInterval(
  hash: Sha256,
  key: HmacKey,
  host: Uint8Array,
  hostLength: number,
  generation: number,
): number {
  const digest = key.digest;
  hmacBegin(hash, key);
  hash.update(host, 0, hostLength);
  hash.pushU32(generation);
  hmacEnd(hash, key, digest, 0);
  let value = 0;
  for (let i = 0; i < 6; i++) value = value * 256 + digest[i];
  return value / 0x1000000000000;
}
