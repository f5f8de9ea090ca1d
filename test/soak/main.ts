/** npm run soak: a million of a device's whole lives on each engine, and whether its heap stays as it was. */
import { parseArgs } from "node:util";
import { ENGINES, growth } from "./soak.js";

/** What is flat: a heap that grew less than this, from the first tenth on. */
const FLAT = 0.02;

const { values } = parseArgs({
  options: { cycles: { type: "string", default: "1000000" }, engine: { type: "string" } },
});
const cycles = Number(values.cycles);
if (!Number.isSafeInteger(cycles) || cycles < 10) throw new Error("--cycles is a whole number from 10 on");

for (const [name, start] of Object.entries(ENGINES)) {
  if (values.engine !== undefined && !name.includes(values.engine)) continue;
  const run = start();
  if (run === null) {
    console.log(`${name}: not built here`);
    continue;
  }
  const startedAtMs = performance.now();
  const result = await run(cycles, (done) => console.error(`${name}: ${done} of ${cycles}`));
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const isFlat = growth(result) < FLAT;
  const samples = result.samples.map((sample) => sample.join("/")).join("  ");
  console.log(
    `${name}: ${result.cycles} lives, ${seconds.toFixed(0)} s, ${isFlat ? "flat" : "NOT FLAT"}: ${samples}`,
  );
  if (!isFlat) process.exitCode = 1;
}
