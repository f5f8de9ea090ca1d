/** While a device waits, `explain()` names the fault that is there: the world knows. */
import assert from "node:assert/strict";
import { createAuth } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import {
  drawPlan,
  type FaultClass,
  type MakeClient,
  type Plan,
  TOLD_APART,
  waitsIn,
} from "../../host-sim/world/index.js";

const SEED = Number(process.env.SEED ?? 1);
/** Of the waits of each class. */
const PERCENT = 95;

const plansOf = (core: Plan["core"]): Plan[] =>
  [0, 1, 2, 3].map((device) => ({
    ...drawPlan({ seed: SEED, forMs: 1, rates: {}, core, profile: "mosquitto" }, device),
    // Tokens that end soon, and an app that asks often: what is wrong is noticed.
    lifetimeS: 300,
    periodMs: 30_000,
  }));

/** A client that says of all that keeps it that the network is away. */
const blamesTheNetwork: MakeClient = (auth, ports) => {
  const client = createAuth(auth, ports);
  return Object.create(client, {
    state: { get: () => client.state },
    onState: { set: (onState) => Object.assign(client, { onState }) },
    host: { value: (name: string) => client.host(name) },
    explain: { value: () => ({ ...explain(client), name: "UNREACHABLE" }) },
  });
};

describe("a device that waits", () => {
  for (const core of ["byte", "espruino"] as const)
    for (const [of, { strengths }] of Object.entries(TOLD_APART) as [
      FaultClass,
      (typeof TOLD_APART)[FaultClass],
    ][])
      it(`says so in ${PERCENT} of a hundred waits when ${of} (${core} core)`, () => {
        let all = 0;
        let named = 0;
        const others: unknown[] = [];
        for (const strength of strengths)
          for (const plan of plansOf(core)) {
            const waits = waitsIn(plan, of, strength);
            all += waits.all;
            named += waits.named;
            others.push(waits.others);
          }
        assert.ok(all >= 8, `${all} waits`);
        assert.ok(
          named >= (PERCENT / 100) * all,
          `seed ${SEED}: ${named} of ${all}, ${JSON.stringify(others)}`,
        );
      });

  it("is found out where it blames the network for all", () => {
    const [plan] = plansOf("byte");
    assert.ok(plan !== undefined);
    const { all, named, others } = waitsIn(plan, "the cloud is overloaded", 0, { make: blamesTheNetwork });
    assert.ok(all > 0);
    assert.deepEqual([named, others], [0, { UNREACHABLE: all }]);
  });
});
