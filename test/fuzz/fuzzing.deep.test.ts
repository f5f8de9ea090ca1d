import assert from "node:assert/strict";
import { DICTIONARY, readCorpus } from "./corpus.js";
import { Fuzzer, seeded } from "./fuzzer.js";
import { type Instrumented, instrumented } from "./instrument.js";

const EXECUTIONS = 60_000;

describe("fuzzing for longer", () => {
  let loaded: Instrumented<typeof import("./targets.js")>;
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 32);

  before(async () => {
    loaded = await instrumented(new URL("targets.ts", import.meta.url));
  });

  it("finds no input that breaks an invariant of a reader", async () => {
    for (const [name, target] of Object.entries(loaded.module.targets)) {
      const fuzzer = new Fuzzer(target, loaded.hits, DICTIONARY[name] ?? [], seeded(seed));
      for (const input of await readCorpus(name))
        assert.equal(fuzzer.try(input), null, input.toString("hex"));
      const { finding } = fuzzer.round({ executions: EXECUTIONS });
      assert.equal(
        finding,
        null,
        `FUZZ_SEED=${seed}, ${name}, ${finding?.input.toString("hex")}: ${finding?.what}`,
      );
    }
  });
});
