import assert from "node:assert/strict";
import fc from "fast-check";
import { base64urlLength, readBase64url, writeBase64url } from "../../firmware/crypto/base64.js";
import { sameSecret } from "../../firmware/crypto/compare.js";
import { writeHex } from "../../firmware/crypto/hex.js";
import { latin1, utf8 } from "./oracle.js";

const room = new Uint8Array(400);

describe("crypto/base64", () => {
  it("writes what Node writes, in the length it foretells, and reads it back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const end = writeBase64url(room, 1, bytes, 0, bytes.length);
        const text = Buffer.from(bytes).toString("base64url");
        assert.equal(latin1(room, 1, end), text);
        assert.equal(base64urlLength(bytes.length), text.length);
        // In place: the text gives way to the bytes it stands for.
        assert.equal(readBase64url(room, 1, room, 1, end), 1 + bytes.length);
        assert.deepEqual(room.slice(1, 1 + bytes.length), bytes);
      }),
    );
  });

  it("reads exactly the texts that Node would write: any other character string is refused", () => {
    const character = fc.constantFrom(..."AQgwBZaz09-_+/=. \n\0é");
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 9 }), (text) => {
        const bytes = Buffer.from(text, "latin1");
        const decoded = Buffer.from(text, "base64url");
        const canonical = decoded.toString("base64url") === text;
        assert.equal(
          readBase64url(room, 0, new Uint8Array(bytes), 0, bytes.length),
          canonical ? decoded.length : -1,
        );
      }),
      { numRuns: 500 },
    );
  });

  it("knows the value of all 256 bytes", () => {
    for (let code = 0; code < 256; code++) {
      const expected = /[A-Za-z0-9_-]/.test(String.fromCharCode(code)) ? 3 : -1;
      assert.equal(
        readBase64url(room, 0, new Uint8Array([65, 65, code, 65]), 0, 4),
        expected,
        `code ${code}`,
      );
    }
  });
});

describe("crypto/hex", () => {
  it("writes hex, also over the second half of its own place", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const length = bytes.length;
        room.set(bytes, 5 + length);
        assert.equal(writeHex(room, 5, room, 5 + length, 5 + 2 * length), 5 + 2 * length);
        assert.equal(latin1(room, 5, 5 + 2 * length), Buffer.from(bytes).toString("hex"));
      }),
    );
  });
});

describe("crypto/compare", () => {
  /** An array that counts how often it is read. */
  function counted(bytes: Uint8Array): { bytes: Uint8Array; reads: () => number } {
    let reads = 0;
    const proxy = new Proxy(bytes, {
      get: (target, index) => {
        reads++;
        return target[Number(index)];
      },
    });
    return { bytes: proxy, reads: () => reads };
  }

  it("tells equal from different wherever one bit differs, in the same number of reads", () => {
    const secret = new Uint8Array(32).map((_, i) => i * 37);
    for (let bit = -1; bit < 256; bit++) {
      const guess = new Uint8Array(40);
      guess.set(secret, 5);
      if (bit >= 0) guess[5 + (bit >> 3)] ^= 1 << (bit & 7);
      const a = counted(secret);
      const b = counted(guess);
      assert.equal(sameSecret(a.bytes, 0, b.bytes, 5, 32), bit < 0, `bit ${bit}`);
      assert.deepEqual([a.reads(), b.reads()], [32, 32], `bit ${bit}`);
    }
  });

  it("looks at nothing outside the given length", () => {
    assert.equal(sameSecret(utf8("xab!"), 1, utf8("ab?"), 0, 2), true);
    assert.equal(sameSecret(utf8("x"), 0, utf8("y"), 0, 0), true);
  });
});
