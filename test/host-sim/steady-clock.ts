import type { Clock } from "../../firmware/index.js";
import { NodeClock } from "../../host-sim/node/ports.js";

const LOOK_MS = 5;
/** What a longer time between two looks counts for. */
const GAP_MS_MAX = 20;

let nowMs = 0;
let lookedAtMs = performance.now();

function look(): number {
  const atMs = performance.now();
  nowMs += Math.min(atMs - lookedAtMs, GAP_MS_MAX);
  lookedAtMs = atMs;
  return nowMs;
}

setInterval(look, LOOK_MS).unref();

/**
 * Time that stands still while this process does: on a busy machine it may be left out for longer than an attempt
 * lasts, and the cloud within it with it, which no device is to take for silence. Never faster than real time.
 */
export class SteadyClock extends NodeClock implements Clock {
  override now(): number {
    return look();
  }
}
