/** Counters that a store keeps are never handed out twice, and cost one write for 64 of them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  COUNTER_RECORD_BYTES,
  COUNTERS_PER_WRITE,
  CounterBlock,
} from "../../firmware/store/counter-block.js";
import { Keeper } from "../../firmware/store/keeper.js";
import { Flash, isCut, TEARS, type Tear } from "../../host-sim/world/flash.js";

const tears = Object.keys(TEARS) as Tear[];

/** Longer than a store that failed is left alone. */
const REST_MS = 20_000_000;

const blockOf = (latest: number, keeper: Keeper | null): CounterBlock =>
  new CounterBlock(latest, keeper, new Uint8Array(COUNTER_RECORD_BYTES));

const blockIn = (latest: number, store: Flash | null): CounterBlock =>
  blockOf(latest, store === null ? null : new Keeper(store));

/** The next `count` counters. */
const take = (block: CounterBlock, count: number): number[] =>
  Array.from({ length: count }, () => block.next());

describe("a counter block", () => {
  it("without a store counts on from what the app says", () => {
    const block = blockIn(41, null);
    assert.ok(block.reserve());
    assert.deepEqual(
      take(block, 200),
      Array.from({ length: 200 }, (_, i) => 42 + i),
    );
  });

  it("begins at 1, and after a boot above all that were reserved", () => {
    const flash = new Flash();
    assert.deepEqual(take(blockIn(0, flash), 3), [1, 2, 3]);
    assert.deepEqual(take(blockIn(0, flash), 1), [COUNTERS_PER_WRITE + 1]);
    assert.deepEqual(take(blockIn(0, flash), 1), [2 * COUNTERS_PER_WRITE + 1]);
  });

  it("begins at the higher of the app's and the store's", () => {
    const flash = new Flash();
    assert.equal(blockIn(999, flash).next(), 1_000);
    assert.equal(blockIn(10, flash).next(), 1_064);
    assert.equal(blockIn(5_000, flash).next(), 5_001);
  });

  it("reads and writes nothing before it is asked, and writes once for 64 counters", () => {
    const flash = new Flash();
    const block = blockIn(0, flash);
    assert.equal(flash.writes, 0);
    for (let blocks = 1; blocks <= 5; blocks++) {
      take(block, COUNTERS_PER_WRITE);
      assert.equal(flash.writes, blocks);
    }
    assert.ok(block.reserve());
    assert.ok(block.reserve());
    assert.equal(flash.writes, 6);
  });

  it("keeps less than 40 bytes under two names", () => {
    const flash = new Flash();
    take(blockIn(0, flash), 100);
    assert.deepEqual([...flash.values.keys()], ["motekey-mark", "motekey-ctra", "motekey-ctrb"]);
    for (const value of flash.values.values()) assert.ok(value.length === 22 || value.length === 1);
  });

  it("hands out none while the store cannot be written, and goes on without a gap when it can", () => {
    const flash = new Flash();
    const keeper = new Keeper(flash);
    const block = blockOf(0, keeper);
    flash.isWritable = false;
    assert.deepEqual(take(block, 2), [0, 0]);
    Object.assign(flash, { isWritable: true, isLying: true });
    keeper.nowMs += REST_MS;
    assert.deepEqual(take(block, 2), [0, 0]);
    flash.isLying = false;
    keeper.nowMs += REST_MS;
    take(block, COUNTERS_PER_WRITE - 1);
    flash.isWritable = false;
    assert.deepEqual(take(block, 2), [COUNTERS_PER_WRITE, 0]);
    flash.isWritable = true;
    assert.deepEqual(take(block, 1), [0], "it rests");
    keeper.nowMs += REST_MS;
    assert.deepEqual(take(block, 1), [COUNTERS_PER_WRITE + 1]);
  });

  it("hands out none, and writes nothing, while the store cannot be read", () => {
    const flash = new Flash();
    take(blockIn(0, flash), 1);
    flash.isReadable = false;
    const block = blockIn(0, flash);
    assert.equal(block.next(), 0);
    assert.equal(flash.writes, 1);
    flash.isReadable = true;
    assert.equal(block.next(), COUNTERS_PER_WRITE + 1);
  });

  it("keeps counters beyond 2^32, and ends before 2^53", () => {
    for (const latest of [2 ** 32 - 2, 2 ** 32 + 5, 2 ** 52 + 12_345]) {
      const flash = new Flash();
      assert.equal(blockIn(latest, flash).next(), latest + 1);
      assert.equal(blockIn(0, flash).next(), latest + 1 + COUNTERS_PER_WRITE);
    }
    assert.equal(blockIn(Number.MAX_SAFE_INTEGER - 10, new Flash()).next(), 0);
  });

  it("hands out only counters above all before, over any boots, cuts and failures", () => {
    const step = fc.record({
      what: fc.constantFrom("take", "boot", "cut", "fail", "lie", "blind", "heal"),
      count: fc.nat(90),
      afterBytes: fc.nat(22),
      tear: fc.constantFrom(...tears),
    });
    fc.assert(
      fc.property(fc.nat(200), fc.array(step, { maxLength: 60, size: "max" }), (first, steps) => {
        const flash = new Flash();
        let keeper = new Keeper(flash);
        let block = blockOf(first, keeper);
        let highest = first;
        let boots = 1;
        let taken = 0;
        let cuts = 0;
        for (const { what, count, afterBytes, tear } of steps) {
          if (what === "cut") flash.cutNextWrite(afterBytes, tear);
          if (what === "fail") flash.isWritable = false;
          if (what === "lie") flash.isLying = true;
          if (what === "blind") flash.isReadable = false;
          if (what === "heal") Object.assign(flash, { isWritable: true, isLying: false, isReadable: true });
          const wentOut = isCut(() => {
            for (let i = 0; i < count; i++) {
              const counter = block.next();
              if (counter === 0) return;
              assert.ok(counter > highest, `${counter} after ${highest}`);
              highest = counter;
              taken++;
            }
          });
          if (wentOut) cuts++;
          keeper.nowMs += REST_MS;
          if (!wentOut && what !== "boot") continue;
          keeper = new Keeper(flash);
          block = blockOf(first, keeper);
          boots++;
        }
        const isFlashWhole = !steps.some(({ what }) => /fail|lie|blind/.test(what));
        if (isFlashWhole) assert.ok(flash.writes <= boots + 2 * cuts + taken / COUNTERS_PER_WRITE);
      }),
      { numRuns: 500 },
    );
  });
});
