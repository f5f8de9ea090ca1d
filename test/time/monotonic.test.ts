import assert from "node:assert/strict";
import fc from "fast-check";
import { Monotonic } from "../../firmware/time/monotonic.js";

const WRAP = 2 ** 32;

/** Waits between two looks at the clock. */
const waits = fc.array(fc.oneof(fc.nat(100_000), fc.nat(WRAP / 2 - 1)), { maxLength: 50 });

describe("time/monotonic", () => {
  for (const [name, reading] of [
    ["an unsigned 32-bit clock", (ms: number) => ms % WRAP],
    ["a signed 32-bit clock", (ms: number) => ms | 0],
    ["a clock that never wraps", (ms: number) => ms],
  ] as const) {
    it(`follows ${name} from any start, over any number of wraps, when it is looked at twice a wrap`, () => {
      fc.assert(
        fc.property(fc.nat(WRAP - 1), waits, (start, steps) => {
          const time = new Monotonic(reading(start));
          let passedMs = 0;
          for (const ms of steps) {
            passedMs += ms;
            assert.equal(time.advance(reading(start + passedMs)), passedMs);
          }
        }),
      );
    });
  }

  it("takes a step back as no time passed, and goes on from there", () => {
    const time = new Monotonic(10_000);
    assert.equal(time.advance(15_000), 5_000);
    assert.equal(time.advance(2_000), 5_000);
    assert.equal(time.advance(2_500), 5_500);
    assert.equal(time.advance(-40_000), 5_500);
    assert.equal(time.advance(-39_999.5), 5_500.5);
  });

  it("never runs backwards, whatever the clock shows", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e15, max: 1e15, noNaN: true })), (readings) => {
        const time = new Monotonic(0);
        let lastMs = 0;
        for (const raw of readings) {
          const nowMs = time.advance(raw);
          assert.ok(nowMs >= lastMs && nowMs === time.nowMs);
          lastMs = nowMs;
        }
      }),
    );
  });

  it("goes on after a step back of more than half a wrap, which may count as a wrap but no more", () => {
    for (const stepMs of [WRAP / 2 + 1, WRAP, 1e12]) {
      const time = new Monotonic(stepMs);
      const beforeMs = time.advance(0);
      assert.ok(beforeMs < WRAP / 2);
      assert.equal(time.advance(1_000) - beforeMs, 1_000);
    }
  });
});
