/** The scenarios of docs: each is as its schema says, and devices come through it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { FAULT_KINDS, PROFILE_NAMES, readScenario, runFleet } from "../../host-sim/world/index.js";

const FOLDER = new URL("../../docs/scenarios/", import.meta.url);
const SEED = Number(process.env.SEED ?? 1);
const textOf = (name: string): string => readFileSync(new URL(name, FOLDER), "utf8");
const schema = JSON.parse(textOf("scenario.schema.json"));
const names = readdirSync(FOLDER).filter((name) => !name.includes("schema"));

describe("a scenario", () => {
  it("has a schema that knows every fault and every broker, and no other", () => {
    const { broker, faults, events } = schema.properties;
    assert.deepEqual(Object.keys(faults.properties), [...FAULT_KINDS]);
    assert.deepEqual(events.items.properties.kind.enum, [...FAULT_KINDS]);
    assert.deepEqual(broker.enum, [...PROFILE_NAMES]);
  });

  it("comes in six kinds", () => assert.equal(names.length, 6));

  for (const name of names)
    it(`${name} is one, and devices of both cores come through it`, () => {
      const text = textOf(name);
      assert.equal(JSON.parse(text).$schema, "./scenario.schema.json");
      const { faults: rates, events, broker: profile } = readScenario(text);
      const draw = { seed: SEED, forMs: 14_400_000, rates, events, profile };
      const { failures, tally } = runFleet(draw, 0, 8);
      assert.deepEqual(
        failures.map(
          ({ violation, plan }) => `seed ${SEED}, device ${plan.device}: ${JSON.stringify(violation)}`,
        ),
        [],
      );
      assert.ok(tally.faults >= 8 * events.length && tally.faults > 0);
    });
});
