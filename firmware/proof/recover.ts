import { bytesOf } from "../wire/bytes.js";
import { base64urlLength, readBase64url, writeBase64url } from "./base64.js";
import { sameSecret } from "./compare.js";
import { hkdf32 } from "./hkdf.js";
import { type HmacKey, hmacBegin, hmacEnd } from "./hmac.js";
import { DIGEST_BYTES, type Sha256 } from "./sha256.js";

const INFO = bytesOf("motekey recover v1");
const QUESTION = 0x71;
const ANSWER = 0x61;
const DOT = 0x2e;
const TWO_TO_32 = 0x100000000;

/** Bytes of a recovery's nonce. */
export const RECOVERY_NONCE_BYTES = 16;
/** Characters of the MAC in the cloud's answer. */
export const RECOVERY_MAC_CHARACTERS = base64urlLength(DIGEST_BYTES);
/** The password, always of this length: the nonce, the dot, the MAC. */
export const RECOVERY_PASSWORD_BYTES = base64urlLength(RECOVERY_NONCE_BYTES) + 1 + RECOVERY_MAC_CHARACTERS;

/** Begins HMAC-SHA-256(Kr, kind ‖ u8(length of id) ‖ id ‖ nonce), Kr = HKDF-SHA-256(psk, info `motekey recover v1`). */
const begin = (
  hash: Sha256,
  key: HmacKey,
  psk: Uint8Array,
  kind: number,
  id: Uint8Array,
  nonce: Uint8Array,
): void => {
  hkdf32(hash, key, psk, 0, psk.length, INFO, key.digest, 0);
  key.set(hash, key.digest, 0, DIGEST_BYTES);
  hmacBegin(hash, key);
  hash.push(kind);
  hash.push(id.length);
  hash.update(id, 0, id.length);
  hash.update(nonce, 0, RECOVERY_NONCE_BYTES);
};

/**
 * Writes the password of the wire's B8 to `out` from 0 on, {@link RECOVERY_PASSWORD_BYTES} long:
 * `<nonce>.<base64url(HMAC-SHA-256(Kr, q ‖ u8(length of id) ‖ id ‖ nonce))>`.
 * @param id the device's, without `-recover`
 */
export const writeRecoveryPassword = (
  out: Uint8Array,
  hash: Sha256,
  key: HmacKey,
  psk: Uint8Array,
  id: Uint8Array,
  nonce: Uint8Array,
): void => {
  begin(hash, key, psk, QUESTION, id, nonce);
  hmacEnd(hash, key, key.digest, 0);
  const dotAt = writeBase64url(out, 0, nonce, 0, RECOVERY_NONCE_BYTES);
  out[dotAt] = DOT;
  writeBase64url(out, dotAt + 1, key.digest, 0, DIGEST_BYTES);
  key.wipe();
};

/**
 * Whether the cloud said this counter, to this device, in answer to this nonce:
 * HMAC-SHA-256(Kr, a ‖ u8(length of id) ‖ id ‖ nonce ‖ u64be(counter)).
 * @param mac {@link RECOVERY_MAC_CHARACTERS} of base64url, which are decoded in their place
 */
export const isCounterProved = (
  hash: Sha256,
  key: HmacKey,
  psk: Uint8Array,
  id: Uint8Array,
  nonce: Uint8Array,
  counter: number,
  mac: Uint8Array,
): boolean => {
  const high = Math.floor(counter / TWO_TO_32);
  if (readBase64url(mac, 0, mac, 0, RECOVERY_MAC_CHARACTERS) < 0) return false;
  begin(hash, key, psk, ANSWER, id, nonce);
  hash.pushU32(high);
  hash.pushU32(counter - high * TWO_TO_32);
  hmacEnd(hash, key, key.digest, 0);
  const isSame = sameSecret(key.digest, 0, mac, 0, DIGEST_BYTES);
  key.wipe();
  return isSame;
};
