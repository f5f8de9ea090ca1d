import assert from "node:assert/strict";
import fc from "fast-check";
import { Lease } from "../../firmware/time/lease.js";

const spread = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** A token's life: whole seconds as the cloud names them, or none. */
const lifetimeMs = fc.oneof(
  fc.nat(10_000_000).map((seconds) => seconds * 1_000),
  fc.nat(200_000),
  fc.constant(Number.POSITIVE_INFINITY),
);

describe("time/lease", () => {
  it("refreshes between half of the lifetime and 90 % of it, and two calls before the end where both can be had", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), lifetimeMs, spread, fc.nat(60_000), (sentAtMs, life, h, callMs) => {
        const lease = new Lease();
        lease.begin(sentAtMs, life, callMs);
        assert.ok(!lease.isSpread);
        const earliestMs = lease.refreshAtMs;
        lease.spread(h, callMs);
        assert.ok(lease.isSpread && lease.refreshAtMs >= earliestMs, "no moment comes before the earliest");
        const afterMs = lease.refreshAtMs - sentAtMs;
        if (life === Number.POSITIVE_INFINITY) {
          assert.equal(afterMs, life);
          return;
        }
        // Moments up to 2^40 ms leave a double some 2^-12 ms of rounding.
        const EPSILON_MS = 0.001;
        assert.ok(afterMs >= life / 2 - EPSILON_MS && afterMs <= Math.max(life * 0.9, life / 2) + EPSILON_MS);
        if (life >= 4 * callMs)
          assert.ok(afterMs <= life - 2 * callMs + EPSILON_MS, "two calls before the end");
        const isLong = life * 0.1 >= 2 * callMs;
        if (isLong) assert.ok(Math.abs(afterMs - life * (0.7 + 0.2 * h)) < EPSILON_MS, "at its own moment");
      }),
    );
  });

  it("through any walk of renewals and looks never gives time back, and ends when it said", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(100_000_000) }),
      fc.record({
        kind: fc.constant("begin" as const),
        life: lifetimeMs,
        h: spread,
        answerMs: fc.nat(20_000),
      }),
      fc.record({ kind: fc.constant("clear" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const lease = new Lease();
        let nowMs = 0;
        let endsAtMs = 0;
        for (const move of steps) {
          if (move.kind === "wait") nowMs += move.ms;
          else if (move.kind === "clear") {
            lease.clear();
            endsAtMs = 0;
            assert.equal(lease.refreshAtMs, Number.POSITIVE_INFINITY, "nothing to refresh");
          } else {
            lease.begin(nowMs, move.life, 20_000);
            lease.spread(move.h, 20_000);
            endsAtMs = nowMs + move.life;
            nowMs += move.answerMs;
          }
          assert.equal(lease.expiresAtMs(), endsAtMs);
          assert.equal(lease.remainingMs(nowMs), Math.max(0, endsAtMs - nowMs));
          assert.ok(lease.refreshAtMs <= endsAtMs || lease.refreshAtMs === Number.POSITIVE_INFINITY);
        }
      }),
    );
  });
});
