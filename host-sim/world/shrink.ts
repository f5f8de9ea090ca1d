import { type Plan, runCell, type Watch } from "./cell.js";
import type { Violation } from "./checks.js";
import type { Fault } from "./faults.js";

/** The smallest failing plan that it found. */
export interface Shrunk {
  readonly plan: Plan;
  readonly violation: Violation;
  /** How many runs it took. */
  readonly runs: number;
}

/** Time kept after the failure, so that a fault that begins then is not cut off, ms. */
const BEHIND_MS = 1;

/**
 * Makes a failing plan smaller as long as the same check fails: first it drops what comes after the failure, then faults,
 * half of them, a quarter, one by one (delta debugging), then hosts and the rest.
 * @param mayGoOn called before each run: a limit of time or of runs
 */
export function shrink(plan: Plan, found: Violation, mayGoOn: () => boolean, watch: Watch = {}): Shrunk {
  let best = plan;
  let violation = found;
  let runs = 0;
  const isBetter = (candidate: Plan): boolean => {
    if (!mayGoOn()) return false;
    runs++;
    const { violation: now } = runCell(candidate, watch);
    if (now?.check !== found.check) return false;
    best = candidate;
    violation = now;
    return true;
  };
  const faultsOf = (faults: readonly Fault[]): boolean => isBetter({ ...best, faults });

  isBetter(upTo(plan, found.atMs));
  for (let size = Math.ceil(best.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.faults.length; ) {
      const rest = [...best.faults.slice(0, from), ...best.faults.slice(from + size)];
      if (!faultsOf(rest)) from += size;
    }
  }
  if (best.hosts > 1) isBetter({ ...best, hosts: 1 });
  if (best.clockRate !== 1) isBetter({ ...best, clockRate: 1 });
  if (!best.cleanSession) isBetter({ ...best, cleanSession: true });
  if (best.profile !== "mosquitto") isBetter({ ...best, profile: "mosquitto" });
  isBetter(upTo(best, violation.atMs));
  return { plan: best, violation, runs };
}

/** The same, ending with the failure. */
function upTo(plan: Plan, atMs: number): Plan {
  const forMs = Math.min(plan.forMs, Math.ceil(atMs) + BEHIND_MS);
  return { ...plan, forMs, faults: plan.faults.filter((fault) => fault.atMs <= forMs) };
}
