/** The recovery's password and the check of its answer (B8), against node:crypto. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { Scratch } from "../../firmware/crypto/scratch.js";
import {
  isCounterProved,
  RECOVERY_PASSWORD_BYTES,
  writeRecoveryPassword,
} from "../../firmware/proof/recover.js";
import { hex, hkdf, hmac, isAllZero, latin1, typedArraysOf, utf8 } from "./oracle.js";

const scratch = new Scratch();
const PSK = utf8("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
const ID = utf8("device_123");
const NONCE = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
const INFO = "motekey recover v1";

function passwordOf(psk: Uint8Array, id: Uint8Array, nonce: Uint8Array): string {
  const out = new Uint8Array(RECOVERY_PASSWORD_BYTES);
  writeRecoveryPassword(out, scratch, { psk, deviceId: id }, nonce);
  return latin1(out);
}

function isProved(psk: Uint8Array, id: Uint8Array, nonce: Uint8Array, counter: number, mac: string): boolean {
  return isCounterProved(utf8(mac), mac.length, scratch, { psk, deviceId: id }, nonce, counter);
}

/** As the definition says, by node:crypto. */
function macOf(psk: Uint8Array, kind: string, id: Uint8Array, nonce: Uint8Array, counter?: number): string {
  const tail = Buffer.alloc(counter === undefined ? 0 : 8);
  if (counter !== undefined) tail.writeBigUInt64BE(BigInt(counter));
  return hmac(hkdf(psk, INFO), kind, Uint8Array.of(id.length), id, nonce, tail).toString("base64url");
}

const keys = fc.uint8Array({ minLength: 1, maxLength: 100 });
const ids = fc.uint8Array({ minLength: 1, maxLength: 128 });
const nonces = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe("proof/recover", () => {
  it("gives the golden values of DESIGN.md", () => {
    const design = readFileSync(new URL("../../firmware/DESIGN.md", import.meta.url), "utf8");
    const password = passwordOf(PSK, ID, NONCE);
    const answer = macOf(PSK, "a", ID, NONCE, 4_294_967_361);
    for (const value of [hkdf(PSK, INFO).toString("hex"), password, answer]) {
      assert.ok(design.includes(`\`${value}\``), `DESIGN.md lacks ${value}`);
    }
    assert.ok(isProved(PSK, ID, NONCE, 4_294_967_361, answer));
  });

  it("is what its definition says, for every key, id and nonce", () => {
    fc.assert(
      fc.property(keys, ids, nonces, (psk, id, nonce) => {
        const expected = `${Buffer.from(nonce).toString("base64url")}.${macOf(psk, "q", id, nonce)}`;
        assert.equal(passwordOf(psk, id, nonce), expected);
      }),
    );
  });

  it("takes the answer of the definition, for every key, id, nonce and counter", () => {
    fc.assert(
      fc.property(keys, ids, nonces, fc.maxSafeNat(), (psk, id, nonce, counter) => {
        const mac = macOf(psk, "a", id, nonce, counter);
        assert.equal(mac.length, 43);
        assert.ok(isProved(psk, id, nonce, counter, mac));
      }),
    );
  });

  it("refuses the answer to another key, id, nonce or counter, and any changed character", () => {
    const mac = macOf(PSK, "a", ID, NONCE, 65);
    const other = Uint8Array.from(NONCE, (byte, i) => (i === 15 ? byte ^ 1 : byte));
    assert.ok(isProved(PSK, ID, NONCE, 65, mac));
    assert.ok(!isProved(utf8("another key"), ID, NONCE, 65, mac));
    assert.ok(!isProved(PSK, utf8("device_124"), NONCE, 65, mac));
    assert.ok(!isProved(PSK, ID, other, 65, mac));
    for (const counter of [0, 64, 66, 65 + 2 ** 32, 2 ** 52]) {
      assert.ok(!isProved(PSK, ID, NONCE, counter, mac), `${counter}`);
    }
    for (let i = 0; i < mac.length; i++) {
      for (const character of ["A", "B", "_", "=", "+", " "]) {
        const changed = mac.slice(0, i) + character + mac.slice(i + 1);
        if (changed !== mac) assert.ok(!isProved(PSK, ID, NONCE, 65, changed), changed);
      }
    }
  });

  it("a question is never its own answer", () => {
    const question = macOf(PSK, "q", ID, NONCE);
    for (const counter of [0, 1, 65]) assert.ok(!isProved(PSK, ID, NONCE, counter, question));
  });

  it("leaves nothing of the key behind", () => {
    passwordOf(PSK, ID, NONCE);
    assert.ok(isAllZero(scratch.key));
    isProved(PSK, ID, NONCE, 65, macOf(PSK, "a", ID, NONCE, 65));
    assert.ok(isAllZero(scratch.key));
    scratch.wipe();
    assert.deepEqual(typedArraysOf(scratch), typedArraysOf(new Scratch()));
  });
});
