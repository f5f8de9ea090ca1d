/** `npm run world -- --hours 1`: seed after seed through the simulated world, and what that found. */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Draw, keptText, LEVELS, runWorld, shrink, Tally } from "../../host-sim/world/index.js";

const HELP = `npm run world -- [options]
  --hours <number>    how long; a fraction will do (1)
  --seed <number>     the first seed; each run has the next one (1)
  --devices <number>  of each run (64)
  --days <number>     of each run (1)
  --workers <number>  processes that share a run (as many as there are processors)
  --keep <folder>     where the files of failures go (.)
  --help`;

const DAY_MS = 86_400_000;
const SHRINK_MS = 60_000;
/** Each run has the next of these: how much goes wrong, and whether its devices spread. */
const WORLDS = [
  { level: "ordinary", spreadMs: 0 },
  { level: "many", spreadMs: 0 },
  { level: "ordinary", spreadMs: 300_000 },
  { level: "many", spreadMs: 300_000 },
] as const;

const { values } = parseArgs({
  options: {
    hours: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    devices: { type: "string", default: "64" },
    days: { type: "string", default: "1" },
    workers: { type: "string", default: `${availableParallelism()}` },
    keep: { type: "string", default: "." },
    help: { type: "boolean", default: false },
  },
});

const numberOf = (name: "hours" | "seed" | "devices" | "days" | "workers"): number => {
  const number = Number(values[name]);
  if (Number.isFinite(number) && (name === "seed" || number > 0)) return number;
  console.error(`--${name} is a number above 0, not '${values[name]}'.`);
  process.exit(2);
};

const minutes = (ms: number): string => `${(ms / 60_000).toFixed(1)} min`;

async function main(): Promise<void> {
  const [devices, days, workers] = [numberOf("devices"), numberOf("days"), numberOf("workers")];
  const startedAtMs = Date.now();
  const endMs = startedAtMs + numberOf("hours") * 3_600_000;
  const all = new Tally();
  const found: string[] = [];
  let seed = numberOf("seed");
  let runs = 0;
  while (Date.now() < endMs) {
    const { level, spreadMs } = WORLDS[runs++ % WORLDS.length] as (typeof WORLDS)[number];
    const draw: Draw = { seed, forMs: days * DAY_MS, rates: LEVELS[level], spreadMs };
    const { failures, herd, hash, tally } = await runWorld(draw, devices, workers);
    all.add(tally);
    const what = `seed ${seed}, ${level} faults, spread ${spreadMs / 1_000} s`;
    console.log(`${minutes(Date.now() - startedAtMs)}  ${what}: hash ${hash}, ${failures.length} failed`);
    for (const { violation, plan } of failures) {
      const untilMs = Date.now() + SHRINK_MS;
      const small = shrink(plan, violation, () => Date.now() < untilMs);
      const file = join(values.keep, `motekey-sim-${plan.seed}-${plan.device}.json`);
      writeFileSync(file, keptText(small.plan, small.violation));
      found.push(`${what}, device ${plan.device}: ${violation.check}: ${violation.what} (${file})`);
      console.log(`  ${found.at(-1)}`);
    }
    if (herd.violation !== undefined) found.push(`${what}: ${herd.violation.what}`);
    seed++;
  }
  const counts = `${Math.round(all.deviceMs / DAY_MS)} device-days, ${all.faults} faults, ${all.boots} boots, ${all.calls} calls`;
  console.log(`\n${runs} runs in ${minutes(Date.now() - startedAtMs)}: ${counts}.`);
  console.log(found.length === 0 ? "Nothing was found." : `Found:\n  ${found.join("\n  ")}`);
  process.exitCode = found.length === 0 ? 0 : 1;
}

if (values.help) console.log(HELP);
else await main();
