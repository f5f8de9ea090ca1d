/**
 * One token's life on the monotonic clock (after RFC 9200, `exi`): it runs from the moment the request was
 * sent, so that no wall clock can lengthen or shorten it.
 */
export class Lease {
  /** When the request was sent whose answer brought the token. */
  sentAtMs: number;
  /** How long the token lives from then on, ms; Infinity where nobody says. */
  lifetimeMs: number;
  /** From here on a new token is fetched while this one still serves. */
  refreshAtMs: number;

  constructor() {
    this.sentAtMs = 0;
    this.lifetimeMs = 0;
    this.refreshAtMs = Infinity;
  }

  /**
   * @param spread in [0, 1): spreads a fleet's refreshes between 70 % and 90 % of the lifetime
   * @param callMs the longest that one call takes: two of them fit before the end, or half a short lifetime
   */
  begin(sentAtMs: number, lifetimeMs: number, spread: number, callMs: number): void {
    this.sentAtMs = sentAtMs;
    this.lifetimeMs = lifetimeMs;
    const spreadMs = lifetimeMs * (0.7 + 0.2 * spread);
    const latestMs = Math.min(spreadMs, lifetimeMs - 2 * callMs);
    this.refreshAtMs = sentAtMs + Math.max(latestMs, lifetimeMs / 2);
  }

  clear(): void {
    this.begin(0, 0, 0, 0);
    this.refreshAtMs = Infinity;
  }

  expiresAtMs(): number {
    return this.sentAtMs + this.lifetimeMs;
  }

  remainingMs(nowMs: number): number {
    return Math.max(0, this.sentAtMs + this.lifetimeMs - nowMs);
  }
}
