import { MUTANTS, mutate } from "./mutants.js";

describe("the texts that a broken firmware differs in", () => {
  for (const mutant of MUTANTS)
    it(`are found once, and build: it ${mutant.name}`, async () => {
      await mutate(mutant);
    });
});
