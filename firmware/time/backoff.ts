/** Waits between attempts: full jitter under a bound that doubles from the base to the cap. */
export class Backoff {
  private attempts: number;
  private readonly baseMs: number;
  private readonly capMs: number;

  constructor(baseMs: number, capMs: number) {
    this.baseMs = baseMs;
    this.capMs = capMs;
    this.attempts = 0;
  }

  /**
   * The wait before the next attempt, ms.
   * @param random evenly spread in [0, 1)
   * @param floorMs what the peer asked for (`retry_after`): the jitter goes on top of it
   * @param spreadMs of a fleet that may have begun to wait at one moment: the first wait is drawn from this where it is
   *   longer than the base
   * @param restMs each later wait is longer by this. So each tries once in so long at the most, however long it goes
   *   on: the first draw scatters the fleet, and no later wait brings it together again
   */
  nextMs(random: number, floorMs: number, spreadMs: number, restMs: number): number {
    const isFirst = this.attempts === 0;
    const boundMs = Math.min(this.capMs, this.baseMs * Math.pow(2, this.attempts));
    if (boundMs < this.capMs) this.attempts++;
    return floorMs + (isFirst ? random * Math.max(boundMs, spreadMs) : restMs + random * boundMs);
  }

  /** The longest wait at once, half of it fixed: for refusals that only a person is likely to mend. */
  cappedMs(random: number): number {
    return this.capMs * (0.5 + 0.5 * random);
  }

  reset(): void {
    this.attempts = 0;
  }
}
