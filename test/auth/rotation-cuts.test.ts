/** Power goes while a key is replaced: some of the cuts that `rotation-cuts.deep.test.ts` makes all of. */
import assert from "node:assert/strict";
import { TEARS, type Tear } from "../../host-sim/world/flash.js";
import { play } from "./rotation-cuts.js";

const tears = Object.keys(TEARS) as Tear[];

describe("a device whose power goes while its key is replaced", () => {
  it("in any write, before, within or behind it, ends with the new key alone", () => {
    const { writes } = play();
    assert.equal(writes.length, 6);
    for (const [i, length] of writes.entries())
      for (const [k, bytes] of [0, length >> 1, length].entries())
        play([{ at: "write", number: i + 1, bytes, tear: tears[(i + k) % tears.length] as Tear }]);
  }).timeout(60_000);

  it("at every packet, in both directions, ends with the new key alone", () => {
    const { sent, received } = play();
    for (const [at, count] of [
      ["sent", sent],
      ["received", received],
    ] as const)
      for (let number = 1; number <= Math.min(count, 24); number++)
        play([{ at, number, isBehind: number % 2 === 0 }]);
  }).timeout(60_000);
});
