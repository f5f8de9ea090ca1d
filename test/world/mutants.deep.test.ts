/** Twelve firmwares that are broken on purpose: the world catches each, within so many seeds, and never the true one. */
import assert from "node:assert/strict";
import { hunt, MUTANTS, mutate, ofTrue } from "./mutants.js";

describe("a firmware that is broken on purpose", () => {
  it("comes in twelve kinds", () => {
    assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, 12);
  });

  for (const mutant of MUTANTS)
    it(`is caught within ${mutant.within} ${mutant.within === 1 ? "try" : "tries"} by '${mutant.check}': it ${mutant.name}`, async () => {
      const caught = hunt(mutant, await mutate(mutant));
      assert.equal(caught?.violation.check, mutant.check, JSON.stringify(caught));
      assert.equal(ofTrue(mutant, caught?.seed ?? 1), undefined, "and the true one is not");
    }).timeout(300_000);

  it("is refused where its text is not found", async () => {
    const [first] = MUTANTS;
    assert.ok(first !== undefined);
    await assert.rejects(mutate({ ...first, from: "no such text" }), /to be written anew/);
  });
});
