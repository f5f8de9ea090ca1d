import { type HmacKey, hmacBegin, hmacEnd } from "./hmac.js";
import { DIGEST_BYTES, type Sha256 } from "./sha256.js";

/**
 * HKDF-SHA-256 (RFC 5869) with an empty salt and 32 bytes of output: writes the key derived from `ikm` for the
 * purpose `info` to the first 32 bytes of `out`. `scratch` is left wiped, except when the output goes to its `digest`,
 * from where `scratch.set` may take it.
 */
export function hkdf32(
  hash: Sha256,
  scratch: HmacKey,
  ikm: Uint8Array,
  info: Uint8Array,
  out: Uint8Array,
): void {
  const prk = scratch.digest;
  // Extract. An empty salt is a key of 32 zeros, and HMAC pads short keys with zeros: no bytes are needed.
  scratch.set(hash, ikm, 0);
  hmacBegin(hash, scratch);
  hash.update(ikm, 0, ikm.length);
  hmacEnd(hash, scratch, prk, 0);
  scratch.set(hash, prk, DIGEST_BYTES);
  // Expand: 32 bytes are the first block, T(1).
  hmacBegin(hash, scratch);
  hash.update(info, 0, info.length);
  hash.push(1);
  hmacEnd(hash, scratch, out, 0);
  scratch.inner.fill(0);
  scratch.outer.fill(0);
  if (out !== prk) prk.fill(0);
  hash.wipe();
}

/** Takes the key derived from `psk` for the purpose `info` into `key`; what was derived is left nowhere else. */
export function deriveKey(hash: Sha256, key: HmacKey, psk: Uint8Array, info: Uint8Array): void {
  hkdf32(hash, key, psk, info, key.digest);
  key.set(hash, key.digest, DIGEST_BYTES);
}
