/**
 * One token's life on the monotonic clock (after RFC 9200, `exi`): it runs from the moment the request was
 * sent, so that no wall clock can lengthen or shorten it.
 */
export class Lease {
  /** When the request was sent whose answer brought the token. */
  sentAtMs: number;
  /** How long the token lives from then on, ms. */
  lifetimeMs: number;
  /** From here on a new token is fetched while this one still serves; until {@link spread} the earliest that may be. */
  refreshAtMs: number;
  /** Nothing is to be added to `refreshAtMs` any more. */
  isSpread: boolean;

  constructor() {
    this.sentAtMs = 0;
    this.lifetimeMs = 0;
    this.refreshAtMs = Infinity;
    this.isSpread = true;
  }

  /** @param callMs the longest that one call takes, as for {@link spread} */
  begin(sentAtMs: number, lifetimeMs: number, callMs: number): void {
    this.sentAtMs = sentAtMs;
    this.lifetimeMs = lifetimeMs;
    this.spread(0, callMs);
    this.isSpread = false;
  }

  /**
   * @param share in [0, 1): spreads a fleet's refreshes between 70 % and 90 % of the lifetime
   * @param callMs the longest that one call takes: two of them fit before the end, or half a short lifetime
   */
  spread(share: number, callMs: number): void {
    const lifetimeMs = this.lifetimeMs;
    const latestMs = Math.min(lifetimeMs * (0.7 + 0.2 * share), lifetimeMs - 2 * callMs);
    this.refreshAt(this.sentAtMs + Math.max(latestMs, lifetimeMs / 2));
  }

  /** A new token is fetched from this moment on, whatever was computed. */
  refreshAt(atMs: number): void {
    this.refreshAtMs = atMs;
    this.isSpread = true;
  }

  clear(): void {
    this.sentAtMs = 0;
    this.lifetimeMs = 0;
    this.refreshAt(Infinity);
  }

  expiresAtMs(): number {
    return this.sentAtMs + this.lifetimeMs;
  }

  remainingMs(nowMs: number): number {
    return Math.max(0, this.sentAtMs + this.lifetimeMs - nowMs);
  }
}
