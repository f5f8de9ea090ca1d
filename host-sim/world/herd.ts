import type { Violation } from "./checks.js";
import type { Tally } from "./tally.js";

/** What any cloud takes in a second, however small the fleet. */
const LEAST = 20;
/** A device that comes back says Hello, and asks for two tokens. */
const EACH = 3;

/** The second in which a fleet asked most of its cloud. */
export interface Herd {
  readonly second: number;
  readonly requests: number;
  /** The most that may be; null: there is no bound. */
  readonly bound: number | null;
  readonly violation: Violation | undefined;
}

/** @param spreadMs its devices' `limits.spreadMs`; 0: there is no bound */
export function herdOf(tally: Tally, devices: number, spreadMs: number): Herd {
  let second = 0;
  let requests = 0;
  for (const [at, count] of tally.requestsAt)
    if (count > requests || (count === requests && at < second)) {
      second = at;
      requests = count;
    }
  const bound = spreadMs === 0 ? null : Math.floor(LEAST + (EACH * devices) / (spreadMs / 1_000));
  const isWithin = bound === null || requests <= bound;
  const what = `${requests} requests within a second, more than ${bound}`;
  return {
    second,
    requests,
    bound,
    violation: isWithin ? undefined : { check: "herd", what, atMs: 1_000 * second },
  };
}
