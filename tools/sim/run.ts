import { constants } from "node:fs";
import { access, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type {
  Kept,
  Level,
  ProfileName,
  SimulatedCore,
  WorldFailure,
  WorldScenario,
} from "../../host-sim/index.js";
import type { Context } from "../cli/act.js";
import { Exit, Failure, printable, systemReason, usage } from "../cli/failure.js";
import { Progress } from "../cli/progress.js";
import { reportOf } from "./report.js";
import { answerOf, textOf } from "./summary.js";

/** The flags of `motekey sim`. */
export interface SimFlags {
  readonly devices: string;
  readonly days: string;
  readonly seed: string;
  readonly spread: string;
  readonly faults: Level;
  readonly broker?: ProfileName;
  readonly core?: SimulatedCore;
  readonly workers?: string;
  readonly keep: string;
  readonly scenario?: string;
  readonly report?: string;
  readonly replay?: string;
  readonly record?: string;
}

const DAY_MS = 86_400_000;
const DEVICES_MAX = 1_000_000;
const DAYS_MAX = 3_650;
const SPREAD_MAX_S = 86_400;
/** Devices that the report has come back by each way to wait. */
const HERD_MAX = 300;
/** How long a failure is made smaller, ms. */
const SHRINK_MS = 60_000;

/** Runs a fleet. Resolves to 1 where a check did not hold. */
export async function sim(context: Context, flags: SimFlags): Promise<number> {
  if (flags.replay !== undefined) {
    if (flags.report !== undefined) throw usage("--report is of a fleet, not of --replay.", "Leave one out.");
    return replay(context, flags.replay);
  }
  const { system, output } = context;
  const report = flags.report === undefined ? undefined : resolve(system.directory, flags.report);
  const devices = flags.record === undefined ? numberOf("--devices", flags.devices, 1, DEVICES_MAX, true) : 1;
  const days = numberOf("--days", flags.days, 0.01, DAYS_MAX, false);
  const seed = numberOf("--seed", flags.seed, 0, 4_294_967_295, true);
  const spreadS = numberOf("--spread", flags.spread, 0, SPREAD_MAX_S, true);
  const workers =
    flags.workers === undefined ? availableParallelism() : numberOf("--workers", flags.workers, 1, 256, true);
  const folder = resolve(system.directory, flags.keep);
  // First: a failure that was found after hours must find its place.
  await access(folder, constants.W_OK).catch((error: Error) => {
    throw unwritable(flags.keep, "--keep", error);
  });
  if (report !== undefined)
    await access(dirname(report), constants.W_OK).catch((error: Error) => {
      throw unwritable(dirname(flags.report as string), "--report", error);
    });
  // Loaded here: the simulator's packages take longer than all other commands.
  const { comebacks, drawPlan, LEVELS, runWorld } = await import("../../host-sim/index.js");
  const scenario = flags.scenario === undefined ? undefined : await scenarioOf(context, flags.scenario);
  const faults = flags.scenario === undefined ? flags.faults : basename(flags.scenario, ".json");
  const draw = {
    seed,
    forMs: Math.round(days * DAY_MS),
    rates: scenario?.faults ?? LEVELS[flags.faults],
    core: flags.core,
    profile: flags.broker ?? scenario?.broker,
    events: scenario?.events,
    spreadMs: 1_000 * spreadS,
  };
  const progress = new Progress(output, system.now, "devices", devices, 0);
  const startedAtMs = system.now();
  const result =
    flags.record === undefined
      ? await runWorld(draw, devices, workers, (done) => progress.tell(done), system.interrupted).finally(
          () => progress.end(),
        )
      : await (await import("./trace.js")).record(
          context,
          drawPlan({ ...draw, core: "byte" }, 0),
          flags.record,
        );
  const seconds = (system.now() - startedAtMs) / 1_000;
  const kept = await keep(context, folder, result.failures);
  const answer = answerOf({ seed, devices, days, faults, spreadS, seconds, kept }, result);
  const choices = [
    flags.scenario === undefined ? `--faults ${flags.faults}` : `--scenario ${flags.scenario}`,
    `--spread ${spreadS}`,
    ...(flags.core === undefined ? [] : [`--core ${flags.core}`]),
    ...(flags.broker === undefined ? [] : [`--broker ${flags.broker}`]),
  ];
  if (report !== undefined)
    await writeFile(
      report,
      reportOf(answer, result.tally, comebacks(seed, Math.min(devices, HERD_MAX)), choices),
    ).catch((error: Error) => {
      throw unwritable(flags.report as string, "--report", error);
    });
  output.answer(answer, textOf(answer, output.colours));
  return answer.violations.length === 0 ? Exit.DONE : Exit.FAILED;
}

/** Makes the first failure smaller and writes it down. Resolves to the file, null where nothing failed. */
async function keep(
  { system, output }: Context,
  folder: string,
  failures: readonly WorldFailure[],
): Promise<string | null> {
  const [first] = failures;
  if (first === undefined) return null;
  const { shrink, keptText } = await import("../../host-sim/index.js");
  const untilMs = system.now() + SHRINK_MS;
  output.note("Something failed: looking for the fewest faults that still do it.");
  const isGoing = (): boolean => system.now() < untilMs && !system.interrupted.aborted;
  const { plan, violation } = shrink(first.plan, first.violation, isGoing);
  const file = join(folder, `motekey-sim-${plan.seed}-${plan.device}.json`);
  await writeFile(file, keptText(plan, violation)).catch((error: Error) => {
    throw unwritable(file, "--keep", error);
  });
  return file;
}

function unwritable(path: string, flag: string, error: Error): Failure {
  const what = `Cannot write ${printable(path)}: ${systemReason(error)}.`;
  return new Failure(
    "failed",
    what,
    `Choose ${flag === "--keep" ? "a folder" : "another place"} by ${flag}.`,
    { cause: error },
  );
}

async function scenarioOf({ system }: Context, name: string): Promise<WorldScenario> {
  const text = await readFile(resolve(system.directory, name), "utf8").catch((error: Error) => {
    throw new Failure(
      "failed",
      `Cannot read ${printable(name)}: ${systemReason(error)}.`,
      "Check --scenario.",
    );
  });
  const { readScenario } = await import("../../host-sim/index.js");
  try {
    return readScenario(text);
  } catch (error) {
    const why = printable((error as Error).message, 120);
    throw usage(`${printable(name)} is no scenario: ${why}.`, "See docs/scenarios/scenario.schema.json.");
  }
}

async function replay(context: Context, name: string): Promise<number> {
  const { system, output } = context;
  const path = resolve(system.directory, name);
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new Failure("failed", `Cannot read ${printable(name)}: ${systemReason(error)}.`, "Check --replay.");
  });
  const { herdOf, isTrace, readKept, runCell } = await import("../../host-sim/index.js");
  if (isTrace(text)) return (await import("./trace.js")).replayOf(context, name, text);
  let kept: Kept;
  try {
    kept = readKept(text);
  } catch (error) {
    const why = printable((error as Error).message, 120);
    throw usage(`${printable(name)} is no failure that 'motekey sim' kept: ${why}.`, "Check --replay.");
  }
  const { plan } = kept;
  const startedAtMs = system.now();
  const { violation, hash, tally } = runCell(plan);
  const seconds = (system.now() - startedAtMs) / 1_000;
  const failures = violation === undefined ? [] : [{ violation, plan }];
  const days = plan.forMs / DAY_MS;
  const spreadS = (plan.spreadMs ?? 0) / 1_000;
  const told = {
    seed: plan.seed,
    devices: 1,
    days,
    faults: "kept",
    spreadS,
    seconds,
    kept: violation ? path : null,
  };
  const answer = answerOf(told, { failures, herd: herdOf(tally, 1, 0), hash, tally });
  output.answer(answer, textOf(answer, output.colours));
  return violation === undefined ? Exit.DONE : Exit.FAILED;
}

function numberOf(flag: string, text: string, least: number, most: number, isWhole: boolean): number {
  const number = Number(text);
  const isNumber = isWhole ? /^\d+$/.test(text) : /^\d+(\.\d+)?$/.test(text);
  if (isNumber && number >= least && number <= most) return number;
  const kind = isWhole ? "a whole number" : "a number";
  throw usage(
    `${flag} is ${kind} from ${least} to ${most}, not '${printable(text, 40)}'.`,
    "See 'motekey sim --help'.",
  );
}
