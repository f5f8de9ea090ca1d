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
   * @param spreadMs of a fleet that may have begun to wait at one moment: each wait is drawn from this where it is longer
   * @param restMs each later wait is longer by this. So each tries once in so long at the most, however long it goes on
   */
  nextMs(random: number, floorMs: number, spreadMs: number, restMs: number): number {
    const isFirst = this.attempts === 0;
    const boundMs = Math.min(this.capMs, this.baseMs * Math.pow(2, this.attempts));
    // Without a base nothing grows: 2^1024 would be no number.
    if (isFirst || (boundMs > 0 && boundMs < this.capMs)) this.attempts++;
    return floorMs + (isFirst ? 0 : restMs) + random * Math.max(boundMs, spreadMs);
  }

  /**
   * The longest wait at once, half of it fixed: for refusals that only a person is likely to mend.
   * @param spreadMs of a fleet that may be refused at one moment: it is longer by this, and drawn from it
   */
  cappedMs(random: number, spreadMs: number): number {
    const halfMs = 0.5 * this.capMs;
    return halfMs + spreadMs + random * Math.max(halfMs, spreadMs);
  }

  reset(): void {
    this.attempts = 0;
  }
}
