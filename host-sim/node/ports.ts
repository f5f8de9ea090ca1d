import { randomFillSync } from "node:crypto";
import type { Clock, Entropy, Link, Ports, Waker } from "../../firmware/index.js";
import { checkFirmwareVersion } from "./firmware-version.js";
import { NodeLink } from "./link.js";

const turn = (waker: Waker): void => waker.turn();

/** Monotonic time and one timer. */
export class NodeClock implements Clock {
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  now(): number {
    return performance.now();
  }

  wakeAfter(delayMs: number, waker: Waker): void {
    this.cancel();
    // Node's shortest timeout is 1 ms, which a token from memory need not wait.
    if (delayMs <= 0) this.#immediate = setImmediate(turn, waker);
    else this.#timer = setTimeout(turn, delayMs, waker);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }
}

/** The system's random numbers. */
export const nodeEntropy: Entropy = {
  fill(bytes, from, to) {
    randomFillSync(bytes, from, to - from);
  },
};

/**
 * Everything the firmware needs to run in Node.
 * @param link default: TCP without TLS
 * @throws Error when the package `motekey` beside this one is of another version
 */
export const nodePorts = (link: Link = new NodeLink()): Ports => {
  checkFirmwareVersion();
  return { link, clock: new NodeClock(), entropy: nodeEntropy };
};
