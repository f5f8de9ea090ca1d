import { Recent } from "./recent.js";

/** How late somebody's first wrong proof is answered. */
const FIRST_MS = 100;
/** After this time one wrong proof is forgotten. */
const FORGIVEN_MS = 30_000;
/** The delay has long been at its limit by then. */
const COUNT_MAX = 16;

interface Guessed {
  count: number;
  atMs: number;
}

/** How late a wrong proof gets its answer: twice as late each time, up to a limit, and sooner again with time. */
export class Guesses {
  private readonly guessed: Recent<Guessed>;

  /** @param limitMs 0: at once */
  constructor(
    private readonly limitMs: number,
    keysMost: number,
  ) {
    this.guessed = new Recent(keysMost);
  }

  /** One more of this key. @returns how late to answer it, ms */
  delayMs(key: string, nowMs: number): number {
    const before = this.guessed.get(key);
    const left = before === undefined ? 0 : before.count - (nowMs - before.atMs) / FORGIVEN_MS;
    const count = Math.min(COUNT_MAX, Math.max(0, left) + 1);
    this.guessed.set(key, { count, atMs: nowMs });
    return Math.min(this.limitMs, FIRST_MS * 2 ** (count - 1));
  }
}
