import assert from "node:assert/strict";
import fc from "fast-check";
import { Sha256 } from "../../firmware/crypto/sha256.js";
import { feedPieces, sha256, splitBytes, typedArraysOf, utf8 } from "./oracle.js";

const out = new Uint8Array(32);

function hexOf(hash: Sha256, message: Uint8Array): string {
  hash.update(message, 0, message.length);
  hash.digest(out, 0);
  return Buffer.from(out).toString("hex");
}

describe("crypto/sha256", () => {
  it("gives the digests of FIPS 180-4's examples", () => {
    const hash = new Sha256();
    const vectors: [string, string][] = [
      ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
      ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
      [
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      ],
    ];
    for (const [message, digest] of vectors) assert.equal(hexOf(hash, utf8(message)), digest);
  });

  it("gives the digest of a million times 'a'", () => {
    const message = new Uint8Array(1_000_000).fill(0x61);
    assert.equal(
      hexOf(new Sha256(), message),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
  });

  it("agrees with Node at every length from 0 to 200, message after message with one object", () => {
    const hash = new Sha256();
    for (let length = 0; length <= 200; length++) {
      const message = new Uint8Array(length).map((_, i) => i * 31 + length);
      assert.equal(hexOf(hash, message), sha256(message).toString("hex"), `length ${length}`);
    }
  });

  it("does not depend on how the message is cut, nor on single bytes pushed", () => {
    const hash = new Sha256();
    fc.assert(
      fc.property(splitBytes(), fc.boolean(), ({ bytes, cuts }, pushFirst) => {
        feedPieces(cuts, (from, to) => {
          if (pushFirst && from < to) hash.push(bytes[from++]);
          hash.update(bytes, from, to);
        });
        hash.digest(out, 0);
        assert.deepEqual(Buffer.from(out), sha256(bytes));
      }),
    );
  });

  it("feeds 32-bit numbers most significant byte first, also those above 2^31", () => {
    const hash = new Sha256();
    fc.assert(
      fc.property(fc.nat(5), fc.integer({ min: 0, max: 0xffffffff }), (before, value) => {
        const message = Buffer.alloc(before + 4);
        message.writeUInt32BE(value, before);
        hash.update(message, 0, before);
        hash.pushU32(value);
        hash.digest(out, 0);
        assert.deepEqual(Buffer.from(out), sha256(message));
      }),
    );
  });

  it("continues from a midstate as from the 64 bytes themselves", () => {
    const midstate = new Int32Array(8);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), splitBytes(), (block, { bytes }) => {
        const hash = new Sha256();
        hash.update(block, 0, 64);
        hash.store(midstate);
        hash.wipe();
        hash.update(bytes, 0, bytes.length);
        hash.load(midstate);
        hash.update(bytes, 0, bytes.length);
        hash.digest(out, 0);
        assert.deepEqual(Buffer.from(out), sha256(block, bytes));
      }),
    );
  });

  it("writes only the 32 bytes it was told to", () => {
    const wide = new Uint8Array(40).fill(0xee);
    new Sha256().digest(wide, 3);
    assert.deepEqual(Buffer.from(wide.subarray(3, 35)), sha256());
    assert.ok([...wide.subarray(0, 3), ...wide.subarray(35)].every((byte) => byte === 0xee));
  });

  it("counts the length of a message in 64 bits", () => {
    // 2^29 + 3 bytes are 2^32 + 24 bits; the count is set by hand, as feeding them would take seconds.
    const long = new Sha256();
    const short = new Sha256();
    (long as unknown as { fedBytes: number }).fedBytes = 0x20000000;
    assert.notEqual(hexOf(long, utf8("abc")), hexOf(short, utf8("abc")));
  });

  it("holds nothing of the message after a wipe, and no more than 200 bytes of buffers ever", () => {
    const used = new Sha256();
    used.update(utf8("a secret of more than one block, so that the chaining words change too"), 0, 70);
    used.wipe();
    assert.deepEqual(typedArraysOf(used), typedArraysOf(new Sha256()));
    assert.ok(typedArraysOf(used).reduce((sum, view) => sum + view.byteLength, 0) <= 200);
  });
});
