import assert from "node:assert/strict";
import fc from "fast-check";
import * as ours from "../../firmware/adapters/moddable/run.js";
import * as shared from "../../firmware/wire/run.js";

const { copyPlain, skipPlain } = ours;

describe("adapters/moddable/run", () => {
  it("has all that wire/run has", () =>
    assert.deepEqual(Object.keys(ours).sort(), Object.keys(shared).sort()));

  it("finds the same end as wire/run behind each of the 256 bytes", () => {
    const bytes = new Uint8Array([0x41, 0, 0x41]);
    for (let byte = 0; byte < 256; byte++) {
      bytes[1] = byte;
      const end = shared.skipPlain(bytes, 0, 3);
      assert.equal(skipPlain(bytes, 0, 3), end, `0x${byte.toString(16)}`);
      assert.equal(copyPlain(bytes, 0, 3, new Uint8Array(3), 0), end, `0x${byte.toString(16)}`);
    }
  });

  it("copies the same bytes to the same place, and no others", () => {
    const run = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ maxLength: 40 }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(run, fc.nat(8), fc.nat(8), (bytes, skipped, at) => {
        const from = Math.min(skipped, bytes.length);
        const [mine, theirs] = [new Uint8Array(64).fill(0xee), new Uint8Array(64).fill(0xee)];
        const end = copyPlain(bytes, from, bytes.length, mine, at);
        assert.equal(end, shared.copyPlain(bytes, from, bytes.length, theirs, at));
        assert.deepEqual(mine.subarray(0, at + end - from), theirs.subarray(0, at + end - from));
        assert.ok(mine.subarray(at + end - from).every((byte) => byte === 0xee));
      }),
    );
  });
});
