/** Ten thousand devices in each scenario with an outage or a mass restart: the bound on requests per second holds. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { drawHerd, PICTURE } from "../../tools/sim/picture.js";
import { come, OUTAGES } from "./herd.js";

const DEVICES = 10_000;
const SPREAD_MS = 300_000;

describe("a fleet of ten thousand", () => {
  for (const scenario of OUTAGES)
    it(`spreads its requests in ${scenario}`, () => {
      const { herd, failures } = come(scenario, DEVICES, SPREAD_MS);
      console.log(
        `      ${scenario}: ${herd.requests} requests within second ${herd.second}, of ${herd.bound}`,
      );
      assert.deepEqual(failures, []);
      assert.equal(herd.bound, 120);
      assert.equal(herd.violation, undefined);
    }).timeout(1_200_000);
});

describe("docs/herd.svg", () => {
  it("is as the firmware comes back now; 'npm run picture' makes it anew", () => {
    assert.ok(drawHerd() === readFileSync(PICTURE, "utf8"));
  }).timeout(600_000);
});
