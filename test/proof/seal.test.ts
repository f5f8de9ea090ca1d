import assert from "node:assert/strict";
import fc from "fast-check";
import { Sha256 } from "../../firmware/crypto/sha256.js";
import { MacSession } from "../../firmware/proof/mac.js";
import { hkdf, hmac, isAllZero, typedArraysOf, utf8 } from "./oracle.js";
import { SALT_BYTES, SealOracle } from "./seal-oracle.js";

const PSK = utf8("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
const NONCE = new Uint8Array(16).map((_, i) => 0xf0 + i);
const COUNTER = 65;
const SALT = new Uint8Array(SALT_BYTES).map((_, i) => i + 1);

const hash = new Sha256();

function begun(counter = COUNTER, psk = PSK): MacSession {
  const session = new MacSession();
  session.begin(hash, psk, counter, NONCE);
  return session;
}

/** What seals for a session, from S by its definition (B6). */
function oracleOf(counter = COUNTER, psk: Uint8Array = PSK): SealOracle {
  const input = Buffer.alloc(25);
  input.write("s");
  input.writeBigUInt64BE(BigInt(counter), 1);
  input.set(NONCE, 9);
  return new SealOracle(hmac(hkdf(psk, "motekey mac v1"), input));
}

/** What the session makes of a sealed text's bytes. */
function opened(session: MacSession, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, "base64url");
  const token = bytes.subarray(SALT_BYTES);
  session.seal.open(hash, bytes.subarray(0, SALT_BYTES), token, token.length);
  return token;
}

describe("proof/seal", () => {
  it("gives the golden values of DESIGN.md", () => {
    const token = "token-1 of app.example.com, which is longer than one block of the keystream";
    const oracle = oracleOf();
    const sealed =
      "AQIDBAUGBwgJCgsM24ha5kIlRhe2aAb07L4jUHHmkuCkgHzvXd0Fc7bx7iSYX0HdnkL8hJ24l6W8Fi4_o0KUv_JZ7jfolQYjmBSTz5bEfEJ0zYLkpbOI";
    assert.equal(
      oracle.key.toString("hex"),
      "38bbac13a9a8fb4ae34e841861da90a8ad12ef38aa9c7df1999ae925fc33098e",
    );
    assert.equal(oracle.seal(token, SALT), sealed);
    assert.equal(opened(begun(), sealed).toString(), token);
  });

  it("opens what node:crypto sealed by the definition, of any length, under any session and salt", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
        fc.maxSafeNat(),
        fc.uint8Array({ minLength: 1, maxLength: 400 }),
        fc.uint8Array({ minLength: SALT_BYTES, maxLength: SALT_BYTES }),
        (psk, counter, token, salt) => {
          const sealed = oracleOf(counter, psk).seal(token, salt);
          assert.deepEqual(opened(begun(counter, psk), sealed), Buffer.from(token));
        },
      ),
    );
  });

  it("opens nothing of another session", () => {
    const sealed = oracleOf().seal("token", SALT);
    assert.notEqual(opened(begun(COUNTER + 1), sealed).toString(), "token");
    assert.notEqual(opened(begun(COUNTER, utf8("another key")), sealed).toString(), "token");
  });

  it("leaves nothing of it in the hash, and no key after a wipe", () => {
    const session = begun();
    opened(session, oracleOf().seal("token", SALT));
    assert.deepEqual(typedArraysOf(hash), typedArraysOf(new Sha256()));
    assert.ok(!isAllZero(session.seal));
    session.wipe();
    assert.ok(isAllZero(session.seal));
  });
});
