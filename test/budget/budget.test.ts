import assert from "node:assert/strict";
import { requireXs } from "../engines/require-xs.js";
import { complaint, type Figure, readKept } from "./figures.js";
import { garbageFigures } from "./operations.js";
import { REPLY_BYTES, replyBytes, SKIPPED_BYTES, skippedBytes } from "./rig.js";
import { bufferBytes, sizeFigures } from "./sizes.js";

/** The rows of `npm run budget` that take seconds and do not depend on how busy this machine is. */
describe("the budget holds", () => {
  const complaints = async (figures: Figure[]) => {
    const kept = await readKept();
    return figures.map((figure) => complaint(figure, kept)).filter((text) => text !== null);
  };

  it("for buffers at default limits and the bundle", async () => {
    assert.deepEqual(await complaints(await sizeFigures()), []);
  });

  describe("on XS", () => {
    before(requireXs);

    it("for slots and chunk bytes of what a device does over and over", async () => {
      const figures = await garbageFigures();
      assert.deepEqual(await complaints(figures), []);
    }).timeout(600_000);
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
