import { sameSecret } from "../crypto/compare.js";
import { deriveKey } from "../crypto/hkdf.js";
import { type HmacKey, hmacBegin, hmacEnd } from "../crypto/hmac.js";
import type { Scratch } from "../crypto/scratch.js";
import { DIGEST_BYTES, type Sha256 } from "../crypto/sha256.js";
import { X25519_BYTES } from "../crypto/x25519.js";
import { bytesOf } from "../wire/bytes.js";

const INFO = bytesOf("motekey rotation v1");
const AGREED = 0x78;
const NONE = 0x6e;
const KEY = 0x6b;
const MAC = 0x6d;

/** Bytes of the nonce of a proof. */
export const ROTATION_NONCE_BYTES = 16;

/** Which MAC of a proof: the device's own, or the cloud's answer to it. */
export enum ProofOf {
  DEVICE = 0x70,
  CLOUD = 0x61,
}

/** Begins HMAC(K, kind ‖ u8(length of id) ‖ id …), K of this key for rotation. */
const begin = (hash: Sha256, key: HmacKey, psk: Uint8Array, kind: number, id: Uint8Array): void => {
  deriveKey(hash, key, psk, INFO);
  hmacBegin(hash, key);
  hash.push(kind);
  hash.push(id.length);
  hash.update(id, 0, id.length);
};

/**
 * Whether the cloud says that there is no next key: mac = HMAC-SHA-256(K, `n` ‖ u8(length of id) ‖ id ‖ x), with
 * K = HKDF-SHA-256(psk, salt empty, info `motekey rotation v1`, 32 bytes).
 * @param x the device's ephemeral public key
 */
export const isNone = (
  scratch: Scratch,
  psk: Uint8Array,
  id: Uint8Array,
  x: Uint8Array,
  mac: Uint8Array,
): boolean => {
  const key = scratch.key;
  begin(scratch.hash, key, psk, NONE, id);
  scratch.hash.update(x, 0, X25519_BYTES);
  hmacEnd(scratch.hash, key, key.digest, 0);
  const isSame = sameSecret(key.digest, 0, mac, 0, DIGEST_BYTES);
  scratch.wipe();
  return isSame;
};

/**
 * Opens the next key, `sealed[0..length)`, in place, once its MAC is right:
 * Kx = HMAC(K, `x` ‖ u8(length of id) ‖ id ‖ x ‖ cloudX ‖ agreed), mac = HMAC(Kx, `m` ‖ sealed), and the keystream's
 * block i, 32 bytes each, is HMAC(Kx, `k` ‖ u8(i)).
 * @param agreed the shared secret of X25519
 * @returns false: whoever made this does not have the present key
 */
export const openNextKey = (
  scratch: Scratch,
  psk: Uint8Array,
  id: Uint8Array,
  x: Uint8Array,
  cloudX: Uint8Array,
  agreed: Uint8Array,
  sealed: Uint8Array,
  length: number,
  mac: Uint8Array,
): boolean => {
  const hash = scratch.hash;
  const key = scratch.key;
  begin(hash, key, psk, AGREED, id);
  hash.update(x, 0, X25519_BYTES);
  hash.update(cloudX, 0, X25519_BYTES);
  hash.update(agreed, 0, X25519_BYTES);
  hmacEnd(hash, key, key.digest, 0);
  key.set(hash, key.digest, DIGEST_BYTES);
  hmacBegin(hash, key);
  hash.push(MAC);
  hash.update(sealed, 0, length);
  hmacEnd(hash, key, key.digest, 0);
  const isRight = sameSecret(key.digest, 0, mac, 0, DIGEST_BYTES);
  for (let at = 0; at < length && isRight; at++) {
    const place = at % DIGEST_BYTES;
    if (place === 0) {
      hmacBegin(hash, key);
      hash.push(KEY);
      hash.push(Math.floor(at / DIGEST_BYTES));
      hmacEnd(hash, key, key.digest, 0);
    }
    sealed[at] ^= key.digest[place];
  }
  scratch.wipe();
  return isRight;
};

/** Writes HMAC-SHA-256(K', kind ‖ u8(length of id) ‖ id ‖ nonce) to the first 32 bytes of `out`, K' of the next key. */
export const proveNextKey = (
  scratch: Scratch,
  psk: Uint8Array,
  id: Uint8Array,
  kind: ProofOf,
  nonce: Uint8Array,
  out: Uint8Array,
): void => {
  begin(scratch.hash, scratch.key, psk, kind, id);
  scratch.hash.update(nonce, 0, ROTATION_NONCE_BYTES);
  hmacEnd(scratch.hash, scratch.key, out, 0);
  scratch.wipe();
};
