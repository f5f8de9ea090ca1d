/** A short soak: the heap of each engine holds as much after the last life as after the first tenth. */
import assert from "node:assert/strict";
import { ENGINES, growth, type SoakResult } from "./soak.js";

/** Node needs more to be warm: what it compiles counts as heap. */
const CYCLES = { "XS, 64 bit": 2_000, "XS, 32 bit": 1_000, Node: 20_000 } as const;
const FLAT = 0.02;

describe("lives without end", () => {
  for (const [name, start] of Object.entries(ENGINES)) {
    const cycles = CYCLES[name as keyof typeof CYCLES];
    it(`${name}: ${cycles} lives leave the heap as it was`, async function () {
      const run = start();
      if (run === null) {
        if (process.env.CI === "true") throw new Error(`${name} is not built`);
        this.skip();
        return;
      }
      const result = await run(cycles, () => undefined);
      assert.equal(result.cycles, cycles);
      assert.ok(growth(result) < FLAT, JSON.stringify(result.samples));
    });
  }

  it("a heap that grows is seen", () => {
    const result: SoakResult = {
      engine: "any",
      cycles: 30,
      samples: [
        [100, 7],
        [100, 7],
        [103, 7],
      ],
    };
    assert.ok(growth(result) >= FLAT);
  });
});
