/** A fleet whose broker, cloud or power is away for all at one moment does not come back at one. 10,000: herd.deep. */
import assert from "node:assert/strict";
import { comebacks, herdOf, Tally } from "../../host-sim/world/index.js";
import { come, OUTAGES } from "./herd.js";

const DEVICES = 60;

describe("a fleet of the simulated world", () => {
  for (const scenario of OUTAGES)
    it(`spreads its requests in ${scenario}`, () => {
      const { herd, failures } = come(scenario, DEVICES, 300_000);
      assert.deepEqual(failures, []);
      assert.equal(herd.bound, 20);
      assert.equal(herd.violation, undefined);
    });

  it("is told by its busiest second, and only where it spreads is there a bound", () => {
    const tally = new Tally();
    for (let i = 0; i < 31; i++) tally.accepted(7_000 + i);
    tally.accepted(9_000);
    const { second, requests, bound, violation } = herdOf(tally, 1_000, 300_000);
    assert.deepEqual([second, requests, bound], [7, 31, 30]);
    const what = "31 requests within a second, more than 30";
    assert.deepEqual(violation, { check: "herd", what, atMs: 7_000 });
    assert.equal(herdOf(tally, 1_100, 300_000).violation, undefined);
    const { bound: none, violation: nothing } = herdOf(tally, 10, 0);
    assert.deepEqual([none, nothing], [null, undefined]);
  });

  it("comes back spread where other ways to wait have all come at once, with the same seed", () => {
    const [ours, unjittered, fixed] = comebacks(1, 40).map(({ requests, connects }) => ({
      requests: Math.max(...requests),
      connects: connects.reduce((sum, each) => sum + each, 0),
    }));
    assert.ok(ours !== undefined && unjittered !== undefined && fixed !== undefined);
    assert.ok(ours.requests <= 8, `${ours.requests}`);
    assert.ok(unjittered.requests >= 36 && fixed.requests >= 36, `${unjittered.requests}, ${fixed.requests}`);
    assert.ok(ours.connects < 2 * 40 && fixed.connects > 20 * 40, `${ours.connects}, ${fixed.connects}`);
  });

  it("comes at once where it does not spread, and that is told", () => {
    const { tally } = come("factory-restart", DEVICES, 0);
    assert.ok(Math.max(...tally.requestsAt.values()) > DEVICES);
  });
});
