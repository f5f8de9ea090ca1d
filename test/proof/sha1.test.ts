import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { base64Length, writeBase64 } from "../../firmware/crypto/base64.js";
import { SHA1_BYTES, Sha1 } from "../../firmware/crypto/sha1.js";

const out = new Uint8Array(400);

function sha1(bytes: Uint8Array, sha = new Sha1()): string {
  const padded = Buffer.concat([Buffer.from([9]), bytes, Buffer.from([9])]);
  sha.digest(out, 3, padded, 1, 1 + bytes.length);
  return Buffer.from(out.subarray(3, 3 + SHA1_BYTES)).toString("hex");
}

describe("crypto/sha1", () => {
  it("gives the digests of FIPS 180-4's examples", () => {
    assert.equal(sha1(Buffer.from("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    const twoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert.equal(sha1(Buffer.from(twoBlocks)), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  });

  it("agrees with Node's at every length up to three blocks, one message after the other", () => {
    const sha = new Sha1();
    for (let length = 0; length <= 192; length++) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 37 + length) & 255));
      assert.equal(sha1(bytes, sha), createHash("sha1").update(bytes).digest("hex"), `${length} bytes`);
    }
  });
});

describe("crypto/base64, padded", () => {
  it("writes what Node writes, in the length it foretells", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const end = writeBase64(out, 1, bytes, 0, bytes.length);
        const text = Buffer.from(bytes).toString("base64");
        assert.equal(Buffer.from(out.subarray(1, end)).toString("latin1"), text);
        assert.equal(base64Length(bytes.length), text.length);
      }),
    );
  });

  it("may overtake no byte that stands at the end of its own room", () => {
    for (let length = 0; length <= 100; length++) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 91) & 255));
      const room = new Uint8Array(base64Length(length));
      room.set(bytes, room.length - length);
      const end = writeBase64(room, 0, room, room.length - length, room.length);
      assert.equal(Buffer.from(room.subarray(0, end)).toString("latin1"), bytes.toString("base64"));
    }
  });
});
