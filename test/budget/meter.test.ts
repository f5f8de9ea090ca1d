import assert from "node:assert/strict";
import { requireXs } from "../engines/require-xs.js";
import type { Xs } from "../engines/xs.js";
import { chunkBytesPer, measureStep, slotsPer, startMeter } from "./meter.js";

const STEPS = 1000;

/** Costs that depend on nothing but the engine, so that a zero elsewhere means something. */
const KNOWN = [
  { name: "calls and arithmetic", slots: 0, chunkBytes: 0, step: "i + 1" },
  { name: "set of a typed array", slots: 0, chunkBytes: 0, step: "a.set(b, 0)" },
  { name: "subarray", slots: 4, chunkBytes: 0, step: "a.subarray(1, 2)" },
  { name: "a closure", slots: 11, chunkBytes: 40, step: "return () => i" },
  { name: "a buffer of 100 bytes and its head", slots: 3, chunkBytes: 120, step: "new ArrayBuffer(100)" },
  {
    name: "a string literal, which evaluated code copies",
    slots: 0,
    chunkBytes: 24,
    step: "return 'string'",
  },
];

async function withMeter(step: string, use: (xs: Xs) => Promise<void>): Promise<void> {
  const xs = await startMeter(
    `const a = new Uint8Array(8), b = new Uint8Array(8); function step(i) { ${step} }`,
  );
  try {
    await use(xs);
  } finally {
    await xs.close();
  }
}

describe("the meter of the budgets on XS", () => {
  before(requireXs);

  for (const { name, step, slots, chunkBytes } of KNOWN) {
    it(`counts ${slots} slots and ${chunkBytes} chunk bytes for ${name}`, () =>
      withMeter(step, async (xs) => {
        const cost = await measureStep(xs, STEPS);
        assert.deepEqual([cost.slots, cost.chunkBytes, cost.collections], [slots, chunkBytes, 0]);
        assert.ok(cost.microseconds > 0 && cost.computrons > 0, JSON.stringify(cost));
      }));
  }

  it("refuses to average over more garbage than the heap holds", () =>
    withMeter("new ArrayBuffer(10000)", async (xs) => {
      await assert.rejects(chunkBytesPer(xs, STEPS), /measure fewer/);
      await assert.rejects(slotsPer(xs, STEPS), /measure fewer/);
    }));
});
