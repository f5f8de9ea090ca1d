import { type LimitOptions, PROOFS, type Proof } from "../../../firmware/index.js";
import type { MessagesOptions } from "../../../firmware/messages.js";
import { checkOptions, FUNCTION, numberFrom, OBJECT, oneOf, type Shape, whole } from "../../cloud/options.js";
import { Cell, HEALED_MS, type Plan } from "../cell.js";
import type { Violation } from "../checks.js";
import { Effects } from "../effects.js";
import { type Fault, LEVELS, type Level } from "../faults.js";
import { drawPlan } from "../plan.js";
import type { Scenario } from "../scenario.js";
import { OwnDevice, type WorldApp, type WorldDevice } from "./device.js";
import { SEED_VARIABLE, WorldError } from "./failure.js";
import { virtualGlobals } from "./globals.js";

/** What `world` takes beside the app. */
export interface WorldOptions {
  /** How many seeds, from 1 on: each is a device with its own faults. Default 10. */
  readonly seeds?: number;
  /** This one alone. The variable MOTEKEY_SEED says the same for all worlds of a run. */
  readonly seed?: number;
  /** For how long, virtual days; a fraction will do. Default 1. */
  readonly days?: number;
  /** How much goes wrong. Default `ordinary`: about 13 faults a day. */
  readonly faults?: Level;
  /** A place or a day, in the place of `faults`: what `readScenario` returns. */
  readonly scenario?: Scenario;
  /** Default `counter+mac`. */
  readonly proof?: Proof;
  readonly limits?: LimitOptions;
  /** Sizes of `device.messages`. */
  readonly messages?: MessagesOptions;
  /** Called when all faults have been over for 17 minutes: what should be there is there now, or never. */
  readonly end?: (device: WorldDevice) => void | Promise<void>;
}

/** What a world's devices went through. */
export interface WorldSummary {
  readonly seeds: number;
  readonly days: number;
  readonly faults: number;
  readonly boots: number;
  readonly connects: number;
  /** Tokens that the cloud made. */
  readonly tokens: number;
  /** Messages of the app that the broker took. */
  readonly messages: number;
}

const OPTIONS: Shape<WorldOptions> = {
  seeds: whole(1),
  seed: whole(0, 4_294_967_295),
  days: numberFrom(0.001),
  faults: oneOf(...Object.keys(LEVELS)),
  scenario: OBJECT,
  proof: oneOf(...PROOFS),
  limits: OBJECT,
  messages: OBJECT,
  end: FUNCTION,
};

const DAY_MS = 86_400_000;
const SEEDS = 10;
/** Runs that a failure may take to be made smaller. */
const SHRINKS_MAX = 60;

/**
 * Runs an app on a simulated device through days of faults, once for each seed, in virtual time. The app is called at
 * each boot, as a board's main module is; its timers, `Date`, `performance.now()` and `Math.random()` are the
 * device's. What it throws, or a promise of it that is rejected, fails the seed.
 * @returns what happened, where no seed failed
 * @throws WorldError of the first seed that failed, with the fewest faults that do it
 */
export async function world(app: WorldApp, options: WorldOptions = {}): Promise<WorldSummary> {
  if (typeof app !== "function")
    throw new Error("motekey: world's app must be a function, called at each boot");
  checkOptions("", options, OPTIONS);
  const sum = { seeds: 0, days: 0, faults: 0, boots: 0, connects: 0, tokens: 0, messages: 0 };
  const leave = virtualGlobals();
  try {
    for (const seed of seedsOf(options)) {
      const plan = planOf(seed, options);
      const run = await runOwn(plan, app, options);
      if (run.violation !== undefined) throw await failureOf(plan, run, app, options);
      const { tally } = run.cell.result;
      sum.seeds++;
      sum.days += plan.forMs / DAY_MS;
      sum.faults += tally.faults;
      sum.boots += tally.boots;
      sum.connects += tally.opens;
      sum.tokens += tally.issued;
      sum.messages += run.own.arrived.length;
    }
  } finally {
    leave();
  }
  return sum;
}

/** One seed's run. */
interface Run {
  readonly cell: Cell;
  readonly own: OwnDevice;
  readonly violation: Violation | undefined;
}

function seedsOf({ seed, seeds = SEEDS }: WorldOptions): number[] {
  const text = process.env[SEED_VARIABLE];
  if (seed !== undefined) return [seed];
  if (text === undefined || text === "") return Array.from({ length: seeds }, (_, at) => at + 1);
  if (/^\d{1,10}$/.test(text) && Number(text) <= 4_294_967_295) return [Number(text)];
  throw new Error(`motekey: ${SEED_VARIABLE} must be a whole number from 0 to 4294967295`);
}

function planOf(seed: number, { days = 1, faults = "ordinary", scenario, proof }: WorldOptions): Plan {
  // A bit that is wrong comes through no TLS: what an app makes of it is nothing to be tested.
  const rates = scenario === undefined ? { ...LEVELS[faults], corrupt: 0 } : scenario.faults;
  const forMs = Math.round(days * DAY_MS);
  const { events, broker: profile } = scenario ?? {};
  const draw = { seed, forMs, rates, events, profile, core: "byte", proof: proof ?? "counter+mac" } as const;
  return drawPlan(draw, 0);
}

async function runOwn(plan: Plan, app: WorldApp, { end, limits, messages }: WorldOptions): Promise<Run> {
  let own: OwnDevice | undefined;
  const cell = new Cell(plan, {
    limits,
    lives: (made) => {
      own = new OwnDevice(made, app, messages);
      return own;
    },
    make: (auth, ports) => (own as OwnDevice).make(auth, ports),
  });
  const device = own as unknown as OwnDevice;
  const { queue, conditions, broker, cloud, trace } = cell;
  const effects = new Effects(plan.faults, queue, conditions, broker, cloud, cell.device, device, trace);
  const goOn = async (endMs: number): Promise<void> => {
    const isGoing = (): boolean => queue.nextMs <= endMs && !queue.isStopped;
    while (isGoing())
      await device.turn(() => {
        do queue.run(queue.nextMs);
        while (!device.isStirred && isGoing());
      });
    if (!queue.isStopped) queue.run(endMs);
  };
  cell.device.provision();
  cell.device.bootAfter(plan.bootAtMs);
  effects.start();
  await goOn(plan.forMs);
  await goOn(effects.heal() + HEALED_MS);
  if (end !== undefined && !queue.isStopped) {
    await device.turn(() => cell.device.enter(() => device.run(() => end(device))));
  }
  // Nothing of this device goes on.
  device.ended();
  return { cell, own: device, violation: cell.verdict.violation };
}

/** What is thrown for a seed that failed: its faults are made fewer as long as it still fails. */
async function failureOf(plan: Plan, failed: Run, app: WorldApp, options: WorldOptions): Promise<WorldError> {
  let best = failed;
  let runs = 0;
  const fails = async (faults: readonly Fault[]): Promise<boolean> => {
    if (runs++ >= SHRINKS_MAX) return false;
    const run = await runOwn({ ...plan, faults }, app, options);
    if (kindOf(run) !== kindOf(failed)) return false;
    best = run;
    return true;
  };
  const begun = ({ violation, cell }: Run): readonly Fault[] =>
    cell.plan.faults.filter(({ atMs }) => atMs <= (violation as Violation).atMs);
  const faults = await fewest(begun(failed), fails);
  const { atMs } = best.violation as Violation;
  return new WorldError(whatOf(best), plan.seed, atMs, faults, best.own.thrown?.error);
}

/** The faults that are left when none of them, and no half of them, can be missed. */
async function fewest(
  all: readonly Fault[],
  fails: (faults: readonly Fault[]) => Promise<boolean>,
): Promise<readonly Fault[]> {
  let faults = all;
  for (let size = faults.length; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let from = 0; from < faults.length; ) {
      const rest = [...faults.slice(0, from), ...faults.slice(from + size)];
      if (await fails(rest)) faults = rest;
      else from += size;
    }
  return faults;
}

/** Two runs fail alike by the same check; what the app throws has numbers in it that differ. */
const kindOf = ({ own, violation }: Run): string | undefined =>
  own.thrown === undefined ? violation?.check : "thrown";

/** What the app threw, or what did not hold. */
function whatOf({ own, violation }: Run): string {
  if (own.thrown === undefined) return (violation as Violation).what;
  const { error } = own.thrown;
  return error instanceof Error ? error.message : String(error);
}
