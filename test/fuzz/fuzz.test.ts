import assert from "node:assert/strict";
import { DICTIONARY, readCorpus } from "./corpus.js";
import { Fuzzer, seeded } from "./fuzzer.js";
import { type Instrumented, instrumented } from "./instrument.js";

const EXECUTIONS = 2_000;
const NAMES = [
  "json",
  "cbor",
  "frame-json",
  "frame-cbor",
  "counter",
  "mqtt",
  "mqtt5",
  "websocket",
  "handshake",
];

describe("fuzzing", () => {
  let loaded: Instrumented<typeof import("./targets.js")>;
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 32);

  before(async () => {
    loaded = await instrumented(new URL("targets.ts", import.meta.url));
  });

  it("has these targets", () => {
    assert.deepEqual(Object.keys(loaded.module.targets), NAMES);
  });

  for (const name of NAMES) {
    it(`${name}: no throw, no write outside, no endless loop, the same events whatever the split`, async () => {
      const fuzzer = new Fuzzer(
        loaded.module.targets[name],
        loaded.hits,
        DICTIONARY[name] ?? [],
        seeded(seed),
      );
      const kept = await readCorpus(name);
      for (const input of kept) assert.equal(fuzzer.try(input), null, input.toString("hex"));
      assert.ok(
        kept.length > 20 && fuzzer.branches > 40,
        `${kept.length} inputs, ${fuzzer.branches} branches`,
      );
      const { finding } = fuzzer.round({ executions: EXECUTIONS });
      assert.equal(finding, null, `FUZZ_SEED=${seed}, ${finding?.input.toString("hex")}: ${finding?.what}`);
    });
  }

  it("finds a planted bug behind five bytes, and shrinks it to them", () => {
    const fuzzer = new Fuzzer(loaded.module.planted, loaded.hits, [], seeded(1));
    const { finding, executions } = fuzzer.round({ executions: 500_000 });
    assert.deepEqual([finding?.what, finding?.input.toString("hex")], ["the planted bug", "627567ff00"]);
    assert.ok(executions < 500_000);
  });

  it("tells events that depend on the split", () => {
    const splitting = new Fuzzer((_, ends) => String(ends.length > 3), new Uint8Array(1), [], seeded(1));
    assert.match(splitting.try(Buffer.from("abcdef")) ?? "", /^cut at 1,2,3,4,5: "true", whole: "false"/);
  });
});
