import Time from "time";
import Timer from "timer";
import type { Clock, Waker } from "../../ports.js";

/**
 * The engine's ticks and one timer. The ticks wrap on ESP32 and follow the wall clock on the desktop; the
 * firmware undoes wraps and steps back.
 */
export class ModdableClock implements Clock {
  private timer: Timer | null;
  private waker: Waker | null;
  private readonly ring: () => void;

  constructor() {
    this.timer = null;
    this.waker = null;
    this.ring = (): void => {
      const waker = this.waker;
      // Repeating timers live on: a one-shot timer would be made anew for every wake, 20 slots each.
      if (this.timer !== null) Timer.schedule(this.timer);
      this.waker = null;
      if (waker !== null) waker.turn();
    };
  }

  now(): number {
    return Time.ticks;
  }

  wakeAfter(delayMs: number, waker: Waker): void {
    // 0 as an interval would make it a one-shot timer.
    const interval = Math.max(1, delayMs);
    this.waker = waker;
    if (this.timer === null) this.timer = Timer.set(this.ring, interval, interval);
    else Timer.schedule(this.timer, interval, interval);
  }

  cancel(): void {
    this.waker = null;
    if (this.timer !== null) Timer.clear(this.timer);
    this.timer = null;
  }
}
