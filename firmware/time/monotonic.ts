/** Clocks of 32 bits start over after 49.7 days (or 24.8 when signed). */
const WRAP = 4_294_967_296;

/**
 * Time that never runs backwards, made of a clock that may wrap at 2^32 or be stepped. A step back counts as
 * no time passed; a step forward looks the same as sleep and counts.
 */
export class Monotonic {
  /** Milliseconds since this object was made, wraps undone. */
  nowMs: number;
  private lastRawMs: number;

  constructor(rawMs: number) {
    this.nowMs = 0;
    this.lastRawMs = rawMs;
  }

  /** Takes the clock's reading and returns {@link nowMs}. */
  advance(rawMs: number): number {
    let passedMs = rawMs - this.lastRawMs;
    if (passedMs < -WRAP / 2) passedMs += WRAP;
    if (passedMs > 0) this.nowMs += passedMs;
    this.lastRawMs = rawMs;
    return this.nowMs;
  }
}
