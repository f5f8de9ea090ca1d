import { createHash } from "node:crypto";
import { type Plan, runCell, type Watch } from "./cell.js";
import type { Violation } from "./checks.js";
import { type Draw, drawPlan } from "./plan.js";
import { Tally } from "./tally.js";

/** What went wrong with one device, and everything needed to reproduce it. */
export interface Failure {
  readonly violation: Violation;
  readonly plan: Plan;
}

/** The outcome of a part of a fleet, from one device's number to another's. */
export interface FleetResult {
  readonly failures: readonly Failure[];
  /** Of each device, in their order: 16 digits of hex. */
  readonly hashes: readonly string[];
  readonly tally: Tally;
}

/**
 * Runs the devices `from` to `to` − 1 of a fleet, one after the other: they share the
 * seed and nothing else, so that any number of workers may share the devices.
 */
export function runFleet(draw: Draw, from: number, to: number, watch: Watch = {}): FleetResult {
  const failures: Failure[] = [];
  const hashes: string[] = [];
  const tally = new Tally();
  for (let device = from; device < to; device++) {
    const plan = drawPlan(draw, device);
    const result = runCell(plan, watch);
    hashes.push(result.hash);
    tally.add(result.tally);
    if (result.violation !== undefined) failures.push({ violation: result.violation, plan });
  }
  return { failures, hashes, tally };
}

/** The hash of a whole fleet's trace. */
export function hashOf(hashes: readonly string[]): string {
  return createHash("sha256").update(hashes.join()).digest("hex").slice(0, 16);
}
