import type { Clock, Waker } from "../../firmware/index.js";
import type { Actor, Queue } from "./queue.js";

/** A device's clock and its one timer: it drifts and steps, and its owner takes no turn while busy. */
export class DeviceClock implements Clock, Actor {
  /** The device is busy until then. */
  busyUntilMs = 0;
  private offsetMs = 0;
  private waker: Waker | null = null;
  /** The current timer's number: replaced timers do nothing. */
  private armed = 0;
  /** Steps back: when, and how far. */
  private readonly steps: { readonly atMs: number; readonly ms: number }[] = [];

  /** @param rate its speed: 1.0001 gains 100 ppm @param wake runs a turn, and handles its failure */
  constructor(
    private readonly queue: Queue,
    private readonly rate: number,
    private readonly wake: (waker: Waker) => void,
  ) {}

  now(): number {
    return this.queue.nowMs * this.rate + this.offsetMs;
  }

  wakeAfter(delayMs: number, waker: Waker): void {
    this.waker = waker;
    this.queue.after(delayMs / this.rate, this, 0, ++this.armed);
  }

  cancel(): void {
    this.armed++;
    this.waker = null;
  }

  /** The hardware's counter steps. */
  step(ms: number): void {
    this.offsetMs += ms;
    if (ms < 0) this.steps.push({ atMs: this.queue.nowMs, ms: -ms });
  }

  /** How much too long a device may keep a token's life that began then: steps back, and drift. */
  slackMs(sinceMs: number): number {
    let slack = Math.max(0, 1 - this.rate) * (this.queue.nowMs - sinceMs) + 1;
    for (const { atMs, ms } of this.steps) if (atMs >= sinceMs) slack += ms;
    return slack;
  }

  happen(_kind: number, arg: number): void {
    const { waker } = this;
    if (arg !== this.armed || waker === null) return;
    if (this.busyUntilMs > this.queue.nowMs) {
      this.queue.after(this.busyUntilMs - this.queue.nowMs, this, 0, arg);
      return;
    }
    this.waker = null;
    this.wake(waker);
  }
}
