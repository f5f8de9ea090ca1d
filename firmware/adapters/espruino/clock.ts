import type { Clock, Waker } from "../../ports.js";

/**
 * `getTime()` and one timer. It is the wall clock, there is no other: set it before the client is made. A step
 * forward counts as time that passed, which refreshes tokens early and never late; a step back counts as none.
 */
export class EspruinoClock implements Clock {
  private waker: Waker | null;
  /** 0: none is armed. */
  private timer: number;
  private readonly fire: () => void;

  constructor() {
    this.waker = null;
    this.timer = 0;
    this.fire = () => this.fired();
  }

  now(): number {
    return getTime() * 1000;
  }

  wakeAfter(delayMs: number, waker: Waker): void {
    this.cancel();
    this.waker = waker;
    this.timer = setTimeout(this.fire, delayMs);
  }

  cancel(): void {
    if (this.timer !== 0) clearTimeout(this.timer);
    this.timer = 0;
  }

  private fired(): void {
    const waker = this.waker;
    this.timer = 0;
    if (waker !== null) waker.turn();
  }
}
