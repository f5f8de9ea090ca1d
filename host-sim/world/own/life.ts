import type { Link, Ports, Store, Waker } from "../../../firmware/index.js";
import { PowerCut } from "../flash.js";

/** What hears of a life's code. */
export interface Watcher {
  /** The device's code runs: the app may hear something. */
  stirred(): void;
  /** The power went. What is thrown then may be caught by the app, or end in one of its promises. */
  cut(): void;
}

/** A device's ports from one boot to its end: code of an earlier life, held up in a promise, does nothing any more. */
export class Life {
  isOver = false;
  readonly ports: Ports;
  private waker: Waker | null = null;

  constructor(
    private readonly outer: Ports,
    private readonly watcher: Watcher,
  ) {
    const { clock, entropy } = outer;
    this.ports = {
      entropy,
      link: this.link(),
      store: this.store(),
      clock: {
        now: () => clock.now(),
        wakeAfter: (delayMs, waker) => {
          this.waker = waker;
          if (!this.isOver) clock.wakeAfter(delayMs, this);
        },
        cancel: () => {
          if (!this.isOver) clock.cancel();
        },
      },
    };
  }

  turn(): void {
    this.watcher.stirred();
    this.waker?.turn();
  }

  private link(): Link {
    const { link } = this.outer;
    const told = (tell: () => void): void => {
      this.watcher.stirred();
      tell();
    };
    return {
      open: (address, events) => {
        if (this.isOver) return;
        link.open(address, {
          opened: () => told(() => events.opened()),
          received: (bytes, from, to) => told(() => events.received(bytes, from, to)),
          writable: () => told(() => events.writable()),
          closed: (status) => told(() => events.closed(status)),
        });
      },
      write: (bytes, from, to) => (this.isOver ? to - from : link.write(bytes, from, to)),
      close: () => {
        if (!this.isOver) link.close();
      },
    };
  }

  private store(): Store {
    const store = this.outer.store as Store;
    return {
      read: (name, out) => (this.isOver ? -2 : store.read(name, out)),
      write: (name, bytes, length) => {
        if (this.isOver) return false;
        try {
          return store.write(name, bytes, length);
        } catch (error) {
          if (error instanceof PowerCut) {
            this.isOver = true;
            this.watcher.cut();
          }
          throw error;
        }
      },
    };
  }
}
