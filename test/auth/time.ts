import type { Clock, Entropy, Waker } from "../../firmware/index.js";

/** Something that is to happen at a moment of virtual time. */
export interface Task {
  readonly atMs: number;
  isCancelled: boolean;
  readonly run: () => void;
}

/** Tasks at one moment after which somebody is taken to be running in a circle. */
const TASKS_PER_MOMENT_MAX = 10_000;

/** Time that passes only when a test says so. Whole milliseconds; what is due at one moment runs in the order of its asking. */
export class VirtualTime {
  nowMs = 0;
  private readonly tasks: Task[] = [];

  /** Runs `run` after `delayMs`, rounded up as engines' timers do, never at once. */
  after(delayMs: number, run: () => void): Task {
    const task = { atMs: this.nowMs + Math.ceil(delayMs), isCancelled: false, run };
    let at = this.tasks.length;
    while (at > 0 && this.tasks[at - 1].atMs > task.atMs) at--;
    this.tasks.splice(at, 0, task);
    return task;
  }

  /** Lets `ms` pass. @throws Error when tasks at one moment call for each other without end */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    let atOneMoment = 0;
    while (this.tasks.length > 0 && this.tasks[0].atMs <= endMs) {
      const task = this.tasks.shift() as Task;
      atOneMoment = task.atMs > this.nowMs ? 0 : atOneMoment + 1;
      if (atOneMoment > TASKS_PER_MOMENT_MAX) throw new Error(`time stands still at ${this.nowMs} ms`);
      this.nowMs = task.atMs;
      if (!task.isCancelled) task.run();
    }
    this.nowMs = endMs;
  }
}

/** A device's clock and its one timer. */
export class VirtualClock implements Clock {
  /** How often the device was woken by its timer. */
  wakes = 0;
  private task: Task | undefined;

  /** @param reading what the hardware shows at a moment: it may wrap or step */
  constructor(
    private readonly time: VirtualTime,
    private readonly reading: (ms: number) => number = (ms) => ms,
  ) {}

  now(): number {
    return this.reading(this.time.nowMs);
  }

  wakeAfter(delayMs: number, waker: Waker): void {
    this.cancel();
    this.task = this.time.after(delayMs, () => {
      this.task = undefined;
      this.wakes++;
      waker.turn();
    });
  }

  cancel(): void {
    if (this.task !== undefined) this.task.isCancelled = true;
    this.task = undefined;
  }

  /** Whether a timer is armed. */
  get isArmed(): boolean {
    return this.task !== undefined;
  }
}

/** Bytes that look random and are the same for the same seed (mulberry32). */
export class SeededEntropy implements Entropy {
  /** @param firstBytes come before the seeded ones: the first six choose the first frame's id */
  constructor(
    private seed: number,
    private readonly firstBytes: number[] = [],
  ) {}

  fill(bytes: Uint8Array, from: number, to: number): void {
    for (let i = from; i < to; i++) bytes[i] = this.firstBytes.shift() ?? Math.floor(this.next() * 256);
  }

  /** Evenly spread in [0, 1). */
  next(): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
