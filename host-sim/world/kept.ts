import { PROOFS } from "../../firmware/index.js";
import type { Plan } from "./cell.js";
import type { Violation } from "./checks.js";
import { FAULT_KINDS, type Fault } from "./faults.js";
import { PROFILE_NAMES } from "./profiles.js";

/** Of the file's layout. */
const VERSION = 1;

/** A plan that failed once, as a file: `npm test` replays the kept ones. */
export interface Kept {
  readonly version: number;
  /** What was wrong. */
  readonly check: string;
  readonly what: string;
  readonly plan: Plan;
}

/** The file's text. */
export function keptText(plan: Plan, { check, what }: Violation): string {
  const kept: Kept = { version: VERSION, check, what: what.split("\n")[0] as string, plan };
  return `${JSON.stringify(kept, null, 2)}\n`;
}

/** @throws Error that says what is wrong with the text */
export function readKept(text: string): Kept {
  const kept = objectIn(JSON.parse(text), "the file");
  const plan = objectIn(kept.plan, "plan");
  if (kept.version !== VERSION) throw new Error(`version is not ${VERSION}`);
  for (const name of ["seed", "device", "forMs", "hosts", "lifetimeS", "periodMs", "clockRate", "bootAtMs"])
    if (!isNumber(plan[name])) throw new Error(`plan.${name} is no number from 0 on`);
  if (plan.spreadMs !== undefined && !isNumber(plan.spreadMs))
    throw new Error("plan.spreadMs is no number from 0 on");
  oneOf("plan.core", plan.core, ["byte", "espruino"]);
  oneOf("plan.proof", plan.proof, PROOFS);
  oneOf("plan.profile", plan.profile, PROFILE_NAMES);
  if (typeof plan.cleanSession !== "boolean") throw new Error("plan.cleanSession is neither true nor false");
  if (!Array.isArray(plan.faults)) throw new Error("plan.faults is no list");
  for (const [index, value] of plan.faults.entries()) {
    const fault = objectIn(value, `plan.faults[${index}]`) as Partial<Fault>;
    oneOf(`plan.faults[${index}].kind`, fault.kind, FAULT_KINDS);
    if (![fault.atMs, fault.forMs, fault.n].every(isNumber))
      throw new Error(`plan.faults[${index}] needs atMs, forMs and n, numbers from 0 on`);
  }
  return kept as unknown as Kept;
}

function objectIn(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new Error(`${name} is no object`);
}

const isNumber = (value: unknown): boolean =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

function oneOf(name: string, value: unknown, words: readonly string[]): void {
  if (!words.includes(value as string)) throw new Error(`${name} is none of ${words.join(", ")}`);
}
