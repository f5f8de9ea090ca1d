import type { Queue } from "./queue.js";

/** What must hold after every turn. */
export const CHECKS = {
  token: "no token is handed out after its life, after a revocation, or for another host",
  service: "a device with a working network and a valid credential has a token within the bound",
  secret: "no secret leaves in any byte, log or error but where the proof says so",
  ends: "every call ends once and in time, nothing ends after close(), and no count grows",
  credential: "the flash always holds a usable credential",
  pace: "a device that is not let stay tries less and less often, and never asks for one thing twice at once",
  counter: "no counter is used twice",
  herd: "after an outage, or a start of all, the requests of a fleet are spread",
} as const;

export type Check = keyof typeof CHECKS;

/** One thing that should have held and did not. */
export interface Violation {
  readonly check: Check;
  readonly what: string;
  readonly atMs: number;
}

/** Collects what is wrong: the first finding counts, and ends the cell. */
export class Verdict {
  violation: Violation | undefined;

  constructor(private readonly queue: Queue) {}

  wrong(check: Check, what: string): void {
    this.violation ??= { check, what, atMs: this.queue.nowMs };
    this.queue.isStopped = true;
  }
}
