/** What failed is made small, is kept as a file, and every file that is kept is replayed. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createAuth } from "../../firmware/index.js";
import {
  drawPlan,
  keptText,
  LEVELS,
  type MakeClient,
  readKept,
  runCell,
  shrink,
} from "../../host-sim/world/index.js";

const KEPT = new URL("regressions/", import.meta.url);

/** A firmware that breaks its credential whenever it boots for the third time. */
const breaksAtTheThirdBoot = (): MakeClient => {
  let boots = 0;
  return (auth, ports) => {
    boots++;
    const client = createAuth(auth, ports);
    if (boots === 3)
      for (const slot of ["a", "b"]) ports.store?.write(`motekey-cred${slot}`, new Uint8Array(9), 9);
    return client;
  };
};

describe("a failure of the simulated world", () => {
  const plan = drawPlan({ seed: 3, forMs: 2 * 86_400_000, rates: LEVELS.many, core: "byte" }, 0);
  // A new one for each run: the firmware under test remembers nothing from one world to the next.
  const watch = {
    get make(): MakeClient {
      return breaksAtTheThirdBoot();
    },
  };
  const found = runCell(plan, watch).violation;

  it("is made smaller to the faults that it needs, and still fails in the same way", () => {
    assert.equal(found?.check, "credential");
    assert.ok(plan.faults.length > 50);
    const small = shrink(plan, found, () => true, watch);
    // Three reboots: the third life breaks what the fourth looks for.
    assert.equal(small.plan.faults.length, 3, JSON.stringify(small.plan.faults));
    assert.ok(small.plan.faults.every(({ kind }) => ["crash", "sleep", "cut", "hidden"].includes(kind)));
    assert.equal(runCell(small.plan, watch).violation?.check, "credential");
    assert.ok(small.plan.forMs < plan.forMs);
  });

  it("stays as it is where there is no time", () => {
    assert.ok(found !== undefined);
    const same = shrink(plan, found, () => false, watch);
    assert.deepEqual([same.plan, same.runs], [plan, 0]);
  });

  it("is the same after it was written down and read", () => {
    assert.ok(found !== undefined);
    const { plan: again, check } = readKept(keptText(plan, found));
    assert.deepEqual([again, check], [plan, found.check]);
    assert.equal(runCell(again, watch).hash, runCell(plan, watch).hash);
  });
});

describe("what failed once", () => {
  for (const file of readdirSync(KEPT))
    it(`does not fail again: ${file}`, () => {
      const { plan } = readKept(readFileSync(new URL(file, KEPT), "utf8"));
      assert.equal(runCell(plan).violation, undefined);
    });
});
