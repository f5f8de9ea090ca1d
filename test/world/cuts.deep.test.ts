/** Exhaustive where it can be: power cuts to depth 2, on stores as they are; all orders of what can happen to one host. */
import assert from "node:assert/strict";
import type { Core, MediumName } from "../../host-sim/world/index.js";
import { type Explored, explore, planOf } from "./life.js";
import { type Ordered, order } from "./orders.js";

const told = ({ lives, states, alike, writes }: Explored): string =>
  `${writes} writes, ${lives} lives, ${states} states after a cut, ${alike} lives that went on like another`;

const toldOf = ({ orders, states, deepest }: Ordered): string =>
  `${orders} orders, ${states} states, the last new one after ${deepest} moves`;

describe("a device whose power goes, exhaustively", () => {
  const once: [Core, MediumName][] = [
    ["byte", "nvs"],
    ["byte", "storage"],
    ["byte", "file"],
    ["byte", "directory"],
    ["espruino", "nvs"],
    ["espruino", "storage"],
    ["espruino", "file"],
    ["espruino", "directory"],
  ];
  for (const [core, medium] of once)
    it(`once, in any write, after any of its bytes: ${core} core on ${medium}`, () => {
      const explored = explore(planOf(core), medium, 1, true);
      console.log(`      ${told(explored)}`);
      assert.deepEqual(explored.failures, []);
      assert.ok(explored.writes >= 25);
    }).timeout(600_000);

  // The stores that the boards have.
  const twice: [Core, MediumName][] = [
    ["byte", "nvs"],
    ["espruino", "storage"],
  ];
  for (const [core, medium] of twice)
    it(`in any write, and again in any write after that: ${core} core on ${medium}`, () => {
      const explored = explore(planOf(core), medium, 2);
      console.log(`      ${told(explored)}`);
      assert.deepEqual(explored.failures, []);
      assert.ok(explored.states > 1_000);
    }).timeout(1_200_000);
});

describe("one host, in every order", () => {
  for (const [core, whole, depth] of [
    ["byte", 3, 4],
    ["espruino", 2, 3],
  ] as const)
    it(`of ${whole} moves out of 13, and in those of ${depth} that come to states which were not met before: ${core} core`, () => {
      const ordered = order(planOf(core), whole, depth);
      console.log(`      ${toldOf(ordered)}`);
      assert.deepEqual(ordered.failures, []);
      assert.ok(ordered.states > 100);
    }).timeout(1_200_000);
});
