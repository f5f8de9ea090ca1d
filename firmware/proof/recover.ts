import { readBase64url, writeBase64url } from "../crypto/base64.js";
import { sameSecret } from "../crypto/compare.js";
import { deriveKey } from "../crypto/hkdf.js";
import { hmacBegin, hmacEnd } from "../crypto/hmac.js";
import type { Scratch } from "../crypto/scratch.js";
import { DIGEST_BYTES } from "../crypto/sha256.js";
import { pushUint64 } from "../crypto/uint64.js";
import { bytesOf } from "../wire/bytes.js";
import type { Proved } from "./proof.js";

const INFO = bytesOf("motekey recover v1");
const QUESTION = 0x71;
const ANSWER = 0x61;
const DOT = 0x2e;

/** Bytes of a recovery's nonce. */
export const RECOVERY_NONCE_BYTES = 16;
/** A MAC in base64url. */
const MAC_CHARACTERS = 43;
/** The password, always of this length: 22 characters of the nonce, the dot, the MAC. */
export const RECOVERY_PASSWORD_BYTES = 66;

/**
 * Writes HMAC-SHA-256(Kr, q ‖ u8(length of id) ‖ id ‖ nonce) to the scratch key's digest, or, with a counter,
 * HMAC-SHA-256(Kr, a ‖ u8(length of id) ‖ id ‖ nonce ‖ u64be(counter)), with
 * Kr = HKDF-SHA-256(psk, salt empty, info `motekey recover v1`, 32 bytes).
 */
const prove = (scratch: Scratch, of: Proved, nonce: Uint8Array, counter: number): void => {
  const hash = scratch.hash;
  const key = scratch.key;
  const id = of.deviceId;
  deriveKey(hash, key, of.psk, INFO);
  hmacBegin(hash, key);
  hash.push(counter < 0 ? QUESTION : ANSWER);
  hash.push(id.length);
  hash.update(id, 0, id.length);
  hash.update(nonce, 0, RECOVERY_NONCE_BYTES);
  if (counter >= 0) pushUint64(hash, counter);
  hmacEnd(hash, key, key.digest, 0);
};

/**
 * Writes the password of the wire's B8 to `out` from 0 on, {@link RECOVERY_PASSWORD_BYTES} long:
 * `<nonce>.<base64url(HMAC-SHA-256(Kr, q ‖ u8(length of id) ‖ id ‖ nonce))>`.
 */
export const writeRecoveryPassword = (
  out: Uint8Array,
  scratch: Scratch,
  of: Proved,
  nonce: Uint8Array,
): void => {
  const dotAt = writeBase64url(out, 0, nonce, 0, RECOVERY_NONCE_BYTES);
  prove(scratch, of, nonce, -1);
  out[dotAt] = DOT;
  writeBase64url(out, dotAt + 1, scratch.key.digest, 0, DIGEST_BYTES);
  scratch.key.wipe();
};

/**
 * Whether the cloud said this counter, a whole number from 0 on, to this device, in answer to this nonce.
 * @param mac `length` characters of base64url, decoded in place
 */
export const isCounterProved = (
  mac: Uint8Array,
  length: number,
  scratch: Scratch,
  of: Proved,
  nonce: Uint8Array,
  counter: number,
): boolean => {
  if (length !== MAC_CHARACTERS || readBase64url(mac, 0, mac, 0, length) < 0) return false;
  prove(scratch, of, nonce, counter);
  const isSame = sameSecret(scratch.key.digest, 0, mac, 0, DIGEST_BYTES);
  scratch.key.wipe();
  return isSame;
};
