import { randomFillSync } from "node:crypto";
import type { Clock, Entropy, Ports, Waker } from "../../firmware/index.js";
import { NodeLink } from "./link.js";

/** Monotonic time and one timer, which keeps the process alive only while the socket does. */
export class NodeClock implements Clock {
  #timer: NodeJS.Timeout | undefined;

  now(): number {
    return performance.now();
  }

  wakeAfter(delayMs: number, waker: Waker): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => waker.turn(), delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}

/** The system's random numbers. */
export const nodeEntropy: Entropy = {
  fill(bytes, from, to) {
    randomFillSync(bytes, from, to - from);
  },
};

/** Everything the firmware needs to run in Node over TCP. */
export const nodePorts = (): Ports => ({
  link: new NodeLink(),
  clock: new NodeClock(),
  entropy: nodeEntropy,
});
