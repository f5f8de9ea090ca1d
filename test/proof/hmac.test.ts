import assert from "node:assert/strict";
import fc from "fast-check";
import { hkdf32 } from "../../firmware/crypto/hkdf.js";
import { HmacKey, hmacBegin, hmacEnd } from "../../firmware/crypto/hmac.js";
import { Sha256 } from "../../firmware/crypto/sha256.js";
import { feedPieces, hex, hkdf, hmac, isAllZero, splitBytes, typedArraysOf, utf8 } from "./oracle.js";

const hash = new Sha256();
const out = new Uint8Array(32);

function macOf(key: HmacKey, message: Uint8Array): Buffer {
  hmacBegin(hash, key);
  hash.update(message, 0, message.length);
  hmacEnd(hash, key, out, 0);
  return Buffer.from(out);
}

describe("crypto/hmac", () => {
  it("gives the MACs of RFC 4231", () => {
    const key = new HmacKey();
    const vectors: [Uint8Array, Uint8Array, string][] = [
      [
        new Uint8Array(20).fill(0x0b),
        utf8("Hi There"),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
      ],
      [
        utf8("Jefe"),
        utf8("what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      ],
      [
        new Uint8Array(20).fill(0xaa),
        new Uint8Array(50).fill(0xdd),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
      ],
      [
        hex("0102030405060708090a0b0c0d0e0f10111213141516171819"),
        new Uint8Array(50).fill(0xcd),
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
      ],
      [
        new Uint8Array(131).fill(0xaa),
        utf8("Test Using Larger Than Block-Size Key - Hash Key First"),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      ],
    ];
    for (const [secret, message, mac] of vectors) {
      key.set(hash, secret, secret.length);
      assert.equal(macOf(key, message).toString("hex"), mac);
    }
  });

  it("agrees with Node for every length of key from 0 to 200, cut from a larger buffer", () => {
    const key = new HmacKey();
    const message = utf8("frame");
    for (let length = 0; length <= 200; length++) {
      const room = new Uint8Array(length + 6).map((_, i) => i * 17 + 1);
      key.set(hash, room, length);
      assert.deepEqual(macOf(key, message), hmac(room.subarray(0, length), message), `length ${length}`);
    }
  });

  it("does not depend on how the message is cut; a key serves any number of messages", () => {
    const key = new HmacKey();
    const secret = utf8("one key");
    key.set(hash, secret, secret.length);
    fc.assert(
      fc.property(splitBytes(), ({ bytes, cuts }) => {
        hmacBegin(hash, key);
        feedPieces(cuts, (from, to) => hash.update(bytes, from, to));
        hmacEnd(hash, key, out, 0);
        assert.deepEqual(Buffer.from(out), hmac(secret, bytes));
      }),
    );
  });

  it("takes its key from its own scratch, and writes its MAC there", () => {
    const key = new HmacKey();
    const secret = new Uint8Array(32).map((_, i) => 200 - i);
    key.digest.set(secret);
    key.set(hash, key.digest, 32);
    hmacBegin(hash, key);
    hmacEnd(hash, key, key.digest, 0);
    assert.deepEqual(Buffer.from(key.digest), hmac(secret));
  });

  it("leaves nothing of the key in the hash when it is set, and nothing at all after a wipe", () => {
    for (const length of [1, 32, 64, 65, 200]) {
      const key = new HmacKey();
      key.set(hash, new Uint8Array(length).fill(0xa5), length);
      assert.deepEqual(typedArraysOf(hash), typedArraysOf(new Sha256()));
      assert.ok(!isAllZero(key));
      key.wipe();
      assert.ok(isAllZero(key));
    }
  });
});

describe("crypto/hkdf", () => {
  it("gives the first 32 bytes of RFC 5869's test case 3", () => {
    hkdf32(hash, new HmacKey(), new Uint8Array(22).fill(0x0b), new Uint8Array(0), out);
    assert.equal(
      Buffer.from(out).toString("hex"),
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
    );
  });

  it("agrees with Node for all lengths of key and purpose", () => {
    const scratch = new HmacKey();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (ikm, info) => {
        hkdf32(hash, scratch, ikm, info, out);
        assert.deepEqual(Buffer.from(out), hkdf(ikm, info));
      }),
    );
  });

  it("leaves hash and scratch wiped, but for an output that goes to the scratch's digest", () => {
    const scratch = new HmacKey();
    const info = utf8("purpose");
    hkdf32(hash, scratch, utf8("secret"), info, out);
    assert.ok(isAllZero(scratch));
    assert.deepEqual(typedArraysOf(hash), typedArraysOf(new Sha256()));
    hkdf32(hash, scratch, utf8("secret"), info, scratch.digest);
    assert.deepEqual(Buffer.from(scratch.digest), hkdf(utf8("secret"), "purpose"));
    scratch.digest.fill(0);
    assert.ok(isAllZero(scratch));
  });
});
