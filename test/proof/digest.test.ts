import assert from "node:assert/strict";
import fc from "fast-check";
import { Sha256 } from "../../firmware/crypto/sha256.js";
import { DIGEST_RESPONSE_BYTES, writeDigestResponse } from "../../firmware/proof/digest.js";
import { latin1, sha256, typedArraysOf, utf8 } from "./oracle.js";

const hash = new Sha256();

interface Challenge {
  username: string;
  realm: string;
  psk: string;
  nonce: string;
  nc: number;
  cnonce: number;
}

/** Writes the response before a guard byte, from buffers longer than what they hold. */
function responseOf({ username, realm, psk, nonce, nc, cnonce }: Challenge): string {
  const room = (text: string) => utf8(`${text}rest of an older text`);
  const length = (text: string) => utf8(text).length;
  const out = new Uint8Array(DIGEST_RESPONSE_BYTES + 1).fill(0xee);
  const challenge = {
    realm: room(realm),
    realmLength: length(realm),
    nonce: room(nonce),
    nonceLength: length(nonce),
  };
  writeDigestResponse(out, hash, { user: utf8(username), psk: utf8(psk) }, challenge, { nc, cnonce });
  assert.equal(out[DIGEST_RESPONSE_BYTES], 0xee);
  return latin1(out, 0, DIGEST_RESPONSE_BYTES);
}

describe("proof/digest", () => {
  it("gives the golden response of mg-rpc", () => {
    const response = responseOf({
      username: "admin",
      realm: "shellyplus1-test",
      psk: "secret",
      nonce: "1638000000",
      nc: 1,
      cnonce: 12345,
    });
    assert.equal(response, "93f0cf19035ba26cb78296dd465de07be3ca2891868d0f3d46131cf61d901cfb");
  });

  it("is what its definition says, for every name, realm, key, nonce and count", () => {
    const challenge = fc.record({
      username: fc.string({ maxLength: 80 }),
      realm: fc.string({ maxLength: 80 }),
      psk: fc.string({ maxLength: 80 }),
      nonce: fc.string({ maxLength: 80 }),
      nc: fc.integer({ min: 1, max: 0xffffffff }),
      cnonce: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(challenge, (c) => {
        const ha1 = sha256(`${c.username}:${c.realm}:${c.psk}`).toString("hex");
        const ha2 = sha256("dummy_method:dummy_uri").toString("hex");
        const expected = sha256(`${ha1}:${c.nonce}:${c.nc}:${c.cnonce}:auth:${ha2}`).toString("hex");
        assert.equal(responseOf(c), expected);
      }),
    );
  });

  it("leaves nothing of the key or of HA1 in the hash", () => {
    responseOf({ username: "u", realm: "r", psk: "p", nonce: "1", nc: 1, cnonce: 1 });
    assert.deepEqual(typedArraysOf(hash), typedArraysOf(new Sha256()));
  });
});
