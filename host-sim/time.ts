import type { Address, Clock, Link, LinkEvents, LinkSecurity, Ports, Waker } from "../firmware/index.js";
import type { CloudTime } from "./cloud/time.js";

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Turns of the event loop, a millisecond each, in which nothing may happen before time goes on. */
const QUIET_TURNS = 3;
/** … while something that was sent has no answer: as many turns, not as much time, so that a busy machine does not matter. */
const ANSWER_TURNS = 100;
/** … while a connection is being opened, or the cloud is at work. */
const WORK_TURNS = 3_000;

interface Timer {
  atMs: number;
  run: () => void;
}

/** What a link waits for. */
interface Wait {
  isOpening: boolean;
  /** Bytes of ours have gone out, and none have come since. */
  isUnanswered: boolean;
}

/**
 * Time for a cloud and its devices that goes on when a test says so, and stands still otherwise. What they send each
 * other still goes over real sockets: `advance` waits for it at each timer on the way.
 */
export class VirtualTime implements CloudTime {
  private nowMs = 0;
  private readonly timers = new Set<Timer>();
  private readonly waits = new Set<Wait>();
  private events = 0;
  private works = 0;
  private isAdvancing = false;

  /** Use `virtualTime`. */
  constructor(private readonly startMs: number) {}

  /** The wall clock, ms since 1970. */
  readonly now = (): number => this.startMs + this.nowMs;

  /** The wall clock, as what verifies a token takes it. */
  date(): Date {
    return new Date(this.now());
  }

  /**
   * Lets this much time pass: timers of devices and cloud run in their order, and what they cause ends before the
   * next one runs.
   * @param duration ms, or a number and its unit: `"50 min"`; units are ms, s, min, h and d
   */
  async advance(duration: number | string): Promise<void> {
    const endMs = this.nowMs + millisecondsOf(duration);
    if (this.isAdvancing) throw new Error("advance() is under way; await it before the next");
    this.isAdvancing = true;
    try {
      await this.quiet();
      for (let next = this.next(endMs); next !== undefined; next = this.next(endMs)) {
        this.timers.delete(next);
        this.nowMs = Math.max(this.nowMs, next.atMs);
        next.run();
        await this.quiet();
      }
      this.nowMs = endMs;
    } finally {
      this.isAdvancing = false;
    }
  }

  /** Resolves when this much time has passed. */
  later(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.timer(delayMs, resolve));
  }

  /** Time does not go on before this work is done. */
  async during(work: Promise<void>): Promise<void> {
    this.works++;
    try {
      await work;
    } finally {
      this.works--;
      this.events++;
    }
  }

  /** These ports by this time. */
  ports({ link, ...others }: Ports): Ports {
    return { ...others, link: this.watched(link), clock: this.clock() };
  }

  private clock(): Clock {
    let timer: Timer | undefined;
    let soon: NodeJS.Immediate | undefined;
    const cancel = (): void => {
      if (timer !== undefined) this.timers.delete(timer);
      clearImmediate(soon);
    };
    return {
      now: () => this.nowMs,
      wakeAfter: (delayMs: number, waker: Waker) => {
        cancel();
        const turn = (): void => {
          this.events++;
          waker.turn();
        };
        if (delayMs <= 0) soon = setImmediate(turn);
        else timer = this.timer(delayMs, turn);
      },
      cancel,
    };
  }

  private watched(link: Link): Link {
    const wait: Wait = { isOpening: false, isUnanswered: false };
    const happened = (): void => {
      this.events++;
    };
    const end = (): void => {
      wait.isOpening = false;
      wait.isUnanswered = false;
      this.waits.delete(wait);
      happened();
    };
    const eventsFor = (events: LinkEvents): LinkEvents => ({
      opened: () => {
        wait.isOpening = false;
        happened();
        events.opened();
      },
      received: (bytes, from, to) => {
        wait.isUnanswered = false;
        happened();
        events.received(bytes, from, to);
      },
      writable: () => {
        happened();
        events.writable();
      },
      closed: (status) => {
        end();
        events.closed(status);
      },
    });
    const security: { security?: LinkSecurity } =
      link.security === undefined ? {} : { security: link.security };
    return {
      ...security,
      open: (address: Address, events: LinkEvents) => {
        wait.isOpening = true;
        this.waits.add(wait);
        link.open(address, eventsFor(events));
      },
      write: (bytes, from, to) => {
        const count = link.write(bytes, from, to);
        if (count > 0) wait.isUnanswered = true;
        return count;
      },
      close: () => {
        end();
        link.close();
      },
    };
  }

  private timer(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.timers.add(timer);
    return timer;
  }

  /** The earliest timer up to then; of two at once, the one that was set first. */
  private next(endMs: number): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.timers)
      if (timer.atMs <= endMs && (earliest === undefined || timer.atMs < earliest.atMs)) earliest = timer;
    return earliest;
  }

  private async quiet(): Promise<void> {
    let seen = -1;
    for (let turns = 0; turns < this.turnsNeeded(); turns++) {
      if (seen !== this.events) turns = 0;
      seen = this.events;
      await turnOfTheLoop();
    }
    // Who has not answered by now will not: the next steps do not wait for it again.
    for (const wait of this.waits) wait.isUnanswered = false;
  }

  private turnsNeeded(): number {
    const waits = [...this.waits];
    if (this.works > 0 || waits.some(({ isOpening }) => isOpening)) return WORK_TURNS;
    return waits.some(({ isUnanswered }) => isUnanswered) ? ANSWER_TURNS : QUIET_TURNS;
  }
}

/**
 * Time for `startCloud({ time })` and `simulateDevice({ time })`: it goes on by `advance` only.
 * @param startAt what the wall clock says at first; default: now
 */
export const virtualTime = (startAt: Date | number = Date.now()): VirtualTime => {
  const startMs = Number(startAt);
  if (!Number.isFinite(startMs)) throw new Error("virtualTime() starts at a date, or at ms since 1970");
  return new VirtualTime(startMs);
};

/** @throws Error when this is no duration */
function millisecondsOf(duration: number | string): number {
  const [, amount, unit = "ms"] = /^(\d+(?:\.\d+)?) ?(ms|s|min|h|d)?$/.exec(String(duration)) ?? [];
  if (amount === undefined)
    throw new Error(`"${duration}" is no duration; say ms as a number, or "50 min" (ms, s, min, h, d)`);
  return Number(amount) * (UNITS_MS[unit] as number);
}

/** Sockets are served in each. */
const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
