import type { CloudClock } from "../../cloud/tokens.js";

/**
 * The database's clock, which all replicas use: each answer that carries it corrects this machine's offset, so
 * that a replica whose clock is wrong gives no token a longer life.
 */
export class DatabaseClock implements CloudClock {
  private offsetMs = 0;

  readonly now = (): number => Date.now() + this.offsetMs;
  readonly told = this.now;

  /** @param nowMs what the database said, just now */
  set(nowMs: number): void {
    this.offsetMs = nowMs - Date.now();
  }
}

/** The database's wall clock in unix ms, as SQL. */
export const NOW_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
