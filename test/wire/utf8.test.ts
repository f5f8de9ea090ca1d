import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { utf8Next } from "../../firmware/wire/utf8.js";

/** Each byte at which one of the standard's ranges begins or ends (RFC 3629, section 4). */
const EDGES = [
  0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
  0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
];

describe("utf8Next", () => {
  it("agrees with node:buffer on every pair of bytes", () => {
    for (let pair = 0; pair < 65536; pair++) agrees([pair >> 8, pair & 255]);
  });

  it("agrees with node:buffer on every three and four bytes at the edges of the ranges", () => {
    for (const a of EDGES.filter((byte) => byte > 0xbf)) {
      for (const b of EDGES) {
        for (const c of EDGES) {
          agrees([a, b, c]);
          if (a >= 0xf0) for (const d of EDGES) agrees([a, b, c, d]);
        }
      }
    }
  });

  function agrees(bytes: number[]) {
    const state = bytes.reduce((before, byte) => utf8Next(before, byte), 0);
    assert.equal(state === 0, isUtf8(Uint8Array.from(bytes)), Buffer.from(bytes).toString("hex"));
  }

  it("refuses at the first byte that cannot come, and stays so", () => {
    for (const [prefix, bad] of [
      ["", 0x80],
      ["", 0xc1],
      ["e0", 0x9f],
      ["ed", 0xa0],
      ["f0", 0x8f],
      ["f4", 0x90],
      ["e282", 0x41],
    ] as const) {
      const state = Buffer.from(prefix, "hex").reduce((before, byte) => utf8Next(before, byte), 0);
      assert.ok(state >= 0);
      assert.ok(utf8Next(state, bad) < 0);
      assert.ok(utf8Next(utf8Next(state, bad), 0x41) < 0);
    }
  });
});
