import { writeHex } from "../crypto/hex.js";
import { DIGEST_BYTES, type Sha256 } from "../crypto/sha256.js";
import { bytesOf, writeDecimal } from "../wire/bytes.js";

const COLON = 0x3a;

/** `:auth:` and HA2, hex SHA-256 of `dummy_method:dummy_uri`: mg-rpc binds neither method nor arguments. */
const QOP_AND_HA2 = bytesOf(":auth:6370ec69915103833b5222b368555393393f098bfbfbb59f47e0590af135f062");

/** Hex characters of a response. */
export const DIGEST_RESPONSE_BYTES = 64;

/**
 * Writes the 64 hex characters of mg-rpc's digest response, `H(HA1:nonce:nc:cnonce:auth:HA2)` with
 * `HA1 = H(username:realm:psk)`, to `out[at..at+64)`; returns where it ends. H is hex SHA-256. `nonce` is the
 * challenge's as text, `nc` counts the uses of that nonce from 1, `cnonce` is an integer in 0…2^53−1. HA1 is
 * worth as much as the key: it exists only where the response is written over it.
 */
export function writeDigestResponse(
  out: Uint8Array,
  at: number,
  hash: Sha256,
  username: Uint8Array,
  realm: Uint8Array,
  realmLength: number,
  psk: Uint8Array,
  pskLength: number,
  nonce: Uint8Array,
  nonceLength: number,
  nc: number,
  cnonce: number,
): number {
  const end = at + DIGEST_RESPONSE_BYTES;
  const rawAt = end - DIGEST_BYTES;
  hash.reset();
  hash.update(username, 0, username.length);
  hash.push(COLON);
  hash.update(realm, 0, realmLength);
  hash.push(COLON);
  hash.update(psk, 0, pskLength);
  hash.digest(out, rawAt);
  writeHex(out, at, out, rawAt, end);

  hash.update(out, at, end);
  hash.push(COLON);
  hash.update(nonce, 0, nonceLength);
  hash.push(COLON);
  // HA1 is hashed, so its bytes can hold the two numbers.
  hash.update(out, at, writeDecimal(out, at, nc));
  hash.push(COLON);
  hash.update(out, at, writeDecimal(out, at, cnonce));
  hash.update(QOP_AND_HA2, 0, QOP_AND_HA2.length);
  hash.digest(out, rawAt);
  hash.wipe();
  return writeHex(out, at, out, rawAt, end);
}
