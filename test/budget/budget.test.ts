import assert from "node:assert/strict";
import { complaint, complaints, type Figure } from "./figures.js";
import { REPLY_BYTES, replyBytes, SKIPPED_BYTES, skippedBytes } from "./rig.js";
import { bufferBytes, sizeFigures } from "./sizes.js";

describe("the budget holds", () => {
  it("for buffers at default limits and the bundle", async () => {
    assert.deepEqual(await complaints(await sizeFigures()), []);
  });
});

describe("the budget's instruments", () => {
  const figure: Figure = { name: "work", value: 103, unit: "computrons", tolerance: 0.03 };

  it("measure a reply and skipped members of the size that they say", () => {
    assert.deepEqual([replyBytes(), skippedBytes()], [REPLY_BYTES, SKIPPED_BYTES]);
  });

  it("complain of what grew beyond its tolerance, and of what is not kept", () => {
    assert.equal(complaint(figure, { work: 100 }), null);
    assert.match(complaint(figure, { work: 99 }) ?? "", /grew from 99 to 103 computrons/);
    assert.match(complaint(figure, {}) ?? "", /not in budget\.json/);
    assert.equal(complaint({ name: "time", value: 1, unit: "µs" }, {}), null);
  });

  it("count each buffer once, however it is reached", () => {
    const shared = new Uint8Array(10);
    const inner = { view: shared.subarray(2), words: new Int32Array(5), none: null };
    assert.equal(bufferBytes({ shared, list: [inner, inner] }), 30);
  });
});
