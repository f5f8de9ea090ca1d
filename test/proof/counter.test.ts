import assert from "node:assert/strict";
import fc from "fast-check";
import { HmacKey } from "../../firmware/crypto/hmac.js";
import { unitInterval } from "../../firmware/crypto/jitter.js";
import { Sha256 } from "../../firmware/crypto/sha256.js";
import {
  COUNTER_PASSWORD_BYTES_MAX,
  counterKey,
  writeCounterPassword,
} from "../../firmware/proof/counter.js";
import { hkdf, hmac, latin1, typedArraysOf, utf8 } from "./oracle.js";

const hash = new Sha256();

function passwordOf(psk: Uint8Array, clientId: Uint8Array, counter: number): string {
  const key = new HmacKey();
  const out = new Uint8Array(COUNTER_PASSWORD_BYTES_MAX);
  counterKey(hash, key, psk);
  return latin1(out, 0, writeCounterPassword(out, hash, key, clientId, counter));
}

describe("proof/counter", () => {
  it("gives the golden password of DESIGN.md", () => {
    const psk = utf8("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    assert.equal(passwordOf(psk, utf8("device_123"), 65), "65.lM6wtbQX5K2cjaFkUln-S5EQgR6UcdcVRtNfJeKU1aU");
  });

  it("is what its definition says, for every key, client id and counter", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.uint8Array({ maxLength: 80 }),
        fc.maxSafeNat(),
        (psk, id, counter) => {
          const mac = hmac(hkdf(psk, "motekey counter v1"), id, `:${counter}`).toString("base64url");
          assert.equal(passwordOf(psk, id, counter), `${counter}.${mac}`);
        },
      ),
    );
  });

  it("fits its bound, to the byte, with the largest counter", () => {
    assert.equal(passwordOf(utf8("k"), utf8("d"), 2 ** 53 - 1).length, COUNTER_PASSWORD_BYTES_MAX);
  });

  it("leaves nothing of the pre-shared key in the hash when the key is derived", () => {
    counterKey(hash, new HmacKey(), utf8("secret"));
    assert.deepEqual(typedArraysOf(hash), typedArraysOf(new Sha256()));
  });
});

describe("crypto/jitter", () => {
  const key = new HmacKey();

  it("is the first 48 bits of the MAC over host and generation, in [0, 1)", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.uint8Array({ maxLength: 80 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (secret, host, generation) => {
          const message = Buffer.alloc(host.length + 4);
          message.set(host);
          message.writeUInt32BE(generation, host.length);
          key.set(hash, secret, secret.length);
          const value = unitInterval(hash, key, host, host.length, generation);
          assert.equal(value, hmac(secret, message).readUIntBE(0, 6) / 2 ** 48);
          assert.ok(value >= 0 && value < 1);
        },
      ),
    );
  });

  it("spreads the generations of one host over the whole interval", () => {
    key.set(hash, utf8("device secret"), 13);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 1000; i++) tenths[Math.floor(unitInterval(hash, key, utf8("app"), 3, i) * 10)]++;
    assert.ok(
      tenths.every((count) => count > 60 && count < 140),
      `counts ${tenths}`,
    );
  });
});
