import { Recent } from "./recent.js";

const SECOND_MS = 1_000;

/**
 * So many a second of each key, and a second's worth at once: the generic cell rate algorithm (ITU-T I.371), which keeps
 * one number for each key.
 */
export class Rates {
  /** When the last one of a key would have come, had they come evenly; ms. */
  private readonly evenMs: Recent<number>;

  /** @param perSecond 0: as many as come @param keysMost of so many keys something is remembered */
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

  /** Takes one. @returns false: it comes too soon, and a second later one would not */
  take(key: string, nowMs: number): boolean {
    if (this.perSecond === 0) return true;
    const evenMs = Math.max(nowMs, this.evenMs.get(key) ?? 0) + SECOND_MS / this.perSecond;
    if (evenMs - nowMs > SECOND_MS) return false;
    this.evenMs.set(key, evenMs);
    return true;
  }
}
