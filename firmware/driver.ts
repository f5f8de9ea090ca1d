import { Auth, type AuthFeatures } from "./auth.js";
import type { Config } from "./config.js";
import type { Scratch } from "./crypto/scratch.js";
import type { LinkEvents, Ports, Turns, Waker } from "./ports.js";
import { After, Want } from "./session/phases.js";
import { Status } from "./status.js";
import { Monotonic } from "./time/monotonic.js";

/** Engines' timers end at 2^31 ms; longer waits take several. */
const SLEEP_MS_MAX = 86_400_000;

/**
 * The turn loop, and the only code that calls both the core and the ports: does what the core wants until it
 * wants nothing, then calls the app back with what happened, then sleeps until the core's next moment. The app's callbacks
 * run with the core at rest: they may make any call, `close()` too.
 */
export class Driver implements LinkEvents, Waker, Turns {
  readonly auth: Auth;
  private readonly ports: Ports;
  private readonly config: Config;
  private readonly time: Monotonic;
  private isTurning: boolean;
  private isRung: boolean;
  /** The link took less than offered, and has not reported room since. */
  private isBlocked: boolean;
  /** When the timer fires; Infinity when none is armed. */
  private armedAtMs: number;

  constructor(config: Config, features: AuthFeatures, ports: Ports, scratch: Scratch) {
    this.config = config;
    this.ports = ports;
    this.time = new Monotonic(ports.clock.now());
    this.auth = new Auth(config, features, ports.entropy, this, scratch);
    this.isTurning = false;
    this.isRung = false;
    this.isBlocked = false;
    this.armedAtMs = Infinity;
  }

  nowMs(): number {
    return this.time.advance(this.ports.clock.now());
  }

  soon(): void {
    if (this.isTurning) this.isRung = true;
    else this.arm(this.time.nowMs);
  }

  /** The timer fired. */
  turn(): void {
    this.armedAtMs = Infinity;
    this.run();
  }

  /** Does everything that is due. An error from an app's callback leaves the client consistent. */
  private run(): void {
    if (this.isTurning) {
      this.isRung = true;
      return;
    }
    let isAtRest = false;
    this.isTurning = true;
    try {
      do {
        // Answers go to the app first: its next request then leaves in one write with their acknowledgement.
        while (this.auth.deliverAnswer(this.time.nowMs));
        this.isRung = false;
        this.act();
        while (this.auth.deliver(this.time.nowMs));
      } while (this.isRung);
      isAtRest = true;
    } finally {
      this.isTurning = false;
      this.arm(isAtRest ? this.auth.wakeAtMs() : this.time.nowMs);
    }
  }

  start(): void {
    if (this.auth.isClosed) return;
    this.auth.session.start(this.nowMs());
    this.soon();
  }

  suspend(): void {
    if (this.auth.isClosed) return;
    this.auth.session.stop(this.nowMs());
    this.soon();
  }

  /** Ends everything before it returns: calls end with CLOSED, DISCONNECT leaves, secrets are wiped. */
  close(): void {
    const auth = this.auth;
    const wasTurning = this.isTurning;
    if (auth.isClosed) return;
    this.isTurning = true;
    auth.close(this.nowMs());
    this.act();
    auth.wipe();
    this.ports.clock.cancel();
    try {
      this.drain();
    } finally {
      this.isTurning = wasTurning;
    }
  }

  opened(): void {
    this.isBlocked = false;
    this.auth.session.opened(this.nowMs());
    this.run();
  }

  received(bytes: Uint8Array, from: number, to: number): void {
    const session = this.auth.session;
    let at = from;
    let isTold = false;
    try {
      do {
        at = session.received(bytes, at, to, this.nowMs());
        if (session.after !== After.NOTHING || !session.outbox.isEmpty()) this.run();
        if (this.isBlocked && session.after === After.PAUSED && session.isCramped()) {
          session.congested(this.nowMs());
          this.run();
        }
      } while (session.after === After.PAUSED);
      isTold = true;
    } finally {
      // A callback threw: the bytes behind its piece must not be lost.
      if (!isTold && session.after === After.PAUSED) this.received(bytes, at, to);
    }
  }

  writable(): void {
    this.isBlocked = false;
    this.run();
  }

  closed(status: Status): void {
    this.auth.session.closed(status, this.nowMs());
    this.run();
  }

  /** Delivers everything that is due, also when a callback throws. */
  private drain(): void {
    let isLeft = true;
    try {
      while (this.auth.deliver(this.time.nowMs));
      isLeft = false;
    } finally {
      if (isLeft) this.drain();
    }
  }

  private act(): void {
    const auth = this.auth;
    const session = auth.session;
    const link = this.ports.link;
    for (;;) {
      const nowMs = this.nowMs();
      const want = auth.poll(nowMs);
      if (want === Want.OPEN) link.open(this.config.addresses.next(), this);
      else if (want === Want.CLOSE) {
        link.close();
        session.closed(Status.OK, nowMs);
      } else if (want === Want.WRITE && !(this.isBlocked && !session.isEnding())) {
        const outbox = session.outbox;
        const offered = outbox.to - outbox.from;
        const taken = this.isBlocked ? 0 : link.write(outbox.bytes, outbox.from, outbox.to);
        this.isBlocked = taken < offered;
        if (!session.wrote(taken, nowMs)) return;
      } else return;
    }
  }

  /**
   * A timer that is armed for an earlier time stays: waking early costs less than arming it again each turn. One
   * whose time has passed is not trusted: clocks run while an engine sleeps, its timers may not.
   */
  private arm(atMs: number): void {
    if (atMs >= this.armedAtMs && this.armedAtMs > this.time.nowMs) return;
    this.armedAtMs = atMs;
    this.ports.clock.wakeAfter(Math.min(Math.max(0, atMs - this.time.nowMs), SLEEP_MS_MAX), this);
  }
}
