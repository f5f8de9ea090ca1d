/** How far a long work has come, and when it will be done. */
import type { Output } from "./output.js";

const BETWEEN_MS = 250;
/** Where no terminal shows it, each line stays. */
const BETWEEN_LINES_MS = 10_000;

export class Progress {
  private readonly startedAtMs: number;
  private toldAtMs: number;

  /**
   * @param what things there are, such as `devices`
   * @param total how many
   * @param before how many were done before this run
   */
  constructor(
    private readonly output: Output,
    private readonly now: () => number,
    private readonly what: string,
    private readonly total: number,
    private readonly before: number,
  ) {
    this.startedAtMs = now();
    this.toldAtMs = this.startedAtMs;
  }

  /** @param done of all */
  tell(done: number): void {
    const now = this.now();
    const between = this.output.hasProgressLine ? BETWEEN_MS : BETWEEN_LINES_MS;
    if (now - this.toldAtMs < between) return;
    this.toldAtMs = now;
    const perSecond = ((done - this.before) * 1000) / Math.max(now - this.startedAtMs, 1);
    const percent = Math.floor((done * 100) / Math.max(this.total, 1));
    const left = perSecond > 0 ? duration((this.total - done) / perSecond) : "?";
    this.output.progress(
      `${done} of ${this.total} ${this.what}, ${percent}%, ${Math.round(perSecond)} per second, ${left} left`,
    );
  }

  /** Takes its line away. */
  end(): void {
    this.output.progress(null);
  }
}

/** @param seconds as `75 s` or `2 h 5 min` */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 100) return `${whole} s`;
  const minutes = Math.ceil(whole / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
