import { writeHex } from "../crypto/hex.js";
import { DIGEST_BYTES, type Sha256 } from "../crypto/sha256.js";
import { bytesOf, writeDecimal } from "../wire/bytes.js";

const COLON = 0x3a;

/** `:auth:` and HA2, hex SHA-256 of `dummy_method:dummy_uri`: mg-rpc binds neither method nor arguments. */
const QOP_AND_HA2 = bytesOf(":auth:6370ec69915103833b5222b368555393393f098bfbfbb59f47e0590af135f062");

/** Hex characters of a response. */
export const DIGEST_RESPONSE_BYTES = 64;

/** Whom a response proves. */
export interface DigestUser {
  readonly user: Uint8Array;
  readonly psk: Uint8Array;
}

/** What is answered, as text: the first bytes of each. */
export interface DigestChallenge {
  readonly realm: Uint8Array;
  readonly realmLength: number;
  readonly nonce: Uint8Array;
  readonly nonceLength: number;
}

/** Which use of the nonce it is, from 1 on, and the device's own nonce, 0…2^53−1. */
export interface DigestUse {
  readonly nc: number;
  readonly cnonce: number;
}

/**
 * Writes the 64 hex characters of mg-rpc's digest response, `H(HA1:nonce:nc:cnonce:auth:HA2)` with
 * `HA1 = H(user:realm:psk)`, to `out` from 0 on. H is hex SHA-256. HA1 is worth as much as the key: it exists only
 * where the response is written over it.
 */
export function writeDigestResponse(
  out: Uint8Array,
  hash: Sha256,
  of: DigestUser,
  challenge: DigestChallenge,
  use: DigestUse,
): void {
  const end = DIGEST_RESPONSE_BYTES;
  const rawAt = end - DIGEST_BYTES;
  hash.reset();
  hash.update(of.user, 0, of.user.length);
  hash.push(COLON);
  hash.update(challenge.realm, 0, challenge.realmLength);
  hash.push(COLON);
  hash.update(of.psk, 0, of.psk.length);
  hash.digest(out, rawAt);
  writeHex(out, 0, out, rawAt, end);

  hash.update(out, 0, end);
  hash.push(COLON);
  hash.update(challenge.nonce, 0, challenge.nonceLength);
  hash.push(COLON);
  // HA1 is hashed, so its bytes can hold the two numbers.
  hash.update(out, 0, writeDecimal(out, 0, use.nc));
  hash.push(COLON);
  hash.update(out, 0, writeDecimal(out, 0, use.cnonce));
  hash.update(QOP_AND_HA2, 0, QOP_AND_HA2.length);
  hash.digest(out, rawAt);
  hash.wipe();
  writeHex(out, 0, out, rawAt, end);
}
