import { Recent } from "./recent.js";

const SECOND_MS = 1_000;

/**
 * A number per second for each key, with a burst of one second's worth: the generic cell rate algorithm (ITU-T I.371), which keeps
 * one number for each key.
 */
export class Rates {
  /** When the key's last event would have come, had they come evenly; ms. */
  private readonly evenMs: Recent<number>;

  /** @param perSecond 0: no limit @param keysMost how many keys it remembers */
  constructor(
    private readonly perSecond: number,
    keysMost: number,
  ) {
    this.evenMs = new Recent(keysMost);
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.evenMs.size;
  }

  /** Takes one. @returns false: it comes too soon, and would not a second later */
  take(key: string, nowMs: number): boolean {
    if (this.perSecond === 0) return true;
    const evenMs = Math.max(nowMs, this.evenMs.get(key) ?? 0) + SECOND_MS / this.perSecond;
    if (evenMs - nowMs > SECOND_MS) return false;
    this.evenMs.set(key, evenMs);
    return true;
  }
}
