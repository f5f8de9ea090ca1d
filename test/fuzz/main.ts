/**
 * `npm run fuzz`: changes inputs of the firmware's readers, guided by the branches that they take, for a minute (all
 * targets together), and adds what is new to `test/fuzz/corpus`. Exits with 1 at an input that breaks an invariant.
 * `--target native` is for the C of `firmware/native` alone: random inputs, not guided, inside XS.
 */
import { parseArgs } from "node:util";
import { DICTIONARY, readCorpus, writeCorpus } from "./corpus.js";
import { Fuzzer, seeded } from "./fuzzer.js";
import { instrumented } from "./instrument.js";
import { fuzzNative } from "./native.js";

const USAGE =
  "npm run fuzz -- [--seconds 60] [--target cbor] [--seed 1] [--input hex, with --target: runs it alone]";
const SECONDS = 60;
/** The target that is no reader of ours in Node. */
const NATIVE = "native";

try {
  await run();
} catch (failure) {
  console.error((failure as Error).message);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const options = { seconds: text(), target: text(), seed: text(), input: text() };
  const { values } = parseArgs({ options });
  const seconds = Number(values.seconds ?? SECONDS);
  const seed = Number(values.seed ?? Date.now() % 2 ** 30);
  if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error(USAGE);
  if (values.target === NATIVE) {
    console.log(`seed ${seed}, ${seconds} s`);
    console.log(`${NATIVE}: ${(await fuzzNative(seconds, seed)).toLocaleString("en")} inputs`);
    return;
  }
  const { module, hits } = await instrumented<typeof import("./targets.js")>(
    new URL("targets.ts", import.meta.url),
  );
  const names = values.target === undefined ? Object.keys(module.targets) : [values.target];
  const unknown = names.find((name) => !(name in module.targets));
  if (unknown !== undefined)
    throw new Error(
      `There is no target ${unknown}; there are ${Object.keys(module.targets).join(", ")} and ${NATIVE}`,
    );

  const fuzzerOf = (name: string): Fuzzer =>
    new Fuzzer(module.targets[name], hits, DICTIONARY[name] ?? [], seeded(seed));
  if (values.input !== undefined) {
    console.log(fuzzerOf(names[0]).try(Buffer.from(values.input, "hex")) ?? "no invariant is broken");
    return;
  }
  console.log(`seed ${seed}, ${seconds} s`);
  for (const name of names) {
    const fuzzer = fuzzerOf(name);
    for (const input of await readCorpus(name)) {
      const what = fuzzer.try(input);
      if (what !== null) throw new Error(`${name} breaks at a kept input ${input.toString("hex")}: ${what}`);
    }
    const before = fuzzer.branches;
    const untilMs = Date.now() + (seconds * 1000) / names.length;
    const { executions, branches, corpus, finding } = fuzzer.round({ untilMs });
    if (finding !== null) {
      throw new Error(`${name} breaks at ${finding.input.toString("hex")} (seed ${seed}): ${finding.what}`);
    }
    const kept = await writeCorpus(name, corpus, fuzzerOf(name));
    const counts = [executions, branches, branches - before, kept].map((count) => count.toLocaleString("en"));
    const [runs, taken, more, inputs] = counts.map((count) => count.padStart(9));
    console.log(
      `${name.padEnd(12)}${runs} inputs ${taken} branches, ${more?.trim()} of them new ${inputs} kept`,
    );
  }
}

function text(): { type: "string" } {
  return { type: "string" };
}
