/** The rows of `npm run budget` that do not depend on how busy this machine is. */
import assert from "node:assert/strict";
import { requireXs } from "../engines/require-xs.js";
import { complaints } from "./figures.js";
import { garbageFigures } from "./operations.js";
import { sealedStoreFigures } from "./sealed-store.js";

describe("the budget holds on XS", () => {
  before(requireXs);

  it("for slots and chunk bytes of what a device does over and over", async () => {
    assert.deepEqual(await complaints(await garbageFigures()), []);
  });

  it("for what sealed records allocate at a boot and at a deep sleep", async () => {
    assert.deepEqual(await complaints(await sealedStoreFigures()), []);
  });
});
