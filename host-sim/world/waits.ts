import { State } from "../../firmware/index.js";
import { explain } from "../explain.js";
import { Cell, type Plan, type Watch } from "./cell.js";
import { Effects } from "./effects.js";
import type { Fault, FaultKind } from "./faults.js";

/** Faults that a device can tell apart from all others, and the names that `explain()` may give each. */
export const TOLD_APART = {
  "the network is away": { kind: "cutOff", strengths: [0, 10], names: ["UNREACHABLE", "CONNECT_TIMEOUT"] },
  "the name is not known": { kind: "nameless", strengths: [0], names: ["HOST_UNKNOWN"] },
  "the broker lets nobody in": { kind: "refusing", strengths: [0], names: ["SERVER_UNAVAILABLE"] },
  "the broker closes each connection": { kind: "kicking", strengths: [1, 10], names: ["CONNECTION_LOST"] },
  "the broker's disk is full": { kind: "full", strengths: [0], names: ["TIMEOUT"] },
  "messages go nowhere": { kind: "lossy", strengths: [10], names: ["TIMEOUT"] },
  "the cloud is silent": { kind: "mute", strengths: [0], names: ["TIMEOUT"] },
  "the cloud is overloaded": { kind: "unavailable", strengths: [0, 30], names: ["UNAVAILABLE"] },
  "the cloud asks for less": { kind: "throttled", strengths: [20], names: ["THROTTLED"] },
  "the cloud fails": { kind: "broken", strengths: [0], names: ["CLOUD_ERROR"] },
  "the store fails": { kind: "unwritable", strengths: [0], names: ["STORE_FAILED"] },
} as const satisfies Record<
  string,
  { kind: FaultKind; strengths: readonly number[]; names: readonly string[] }
>;

export type FaultClass = keyof typeof TOLD_APART;

/** What a device said of itself while it waited. */
export interface Waits {
  readonly all: number;
  /** Those in which `explain()` named the actual fault. */
  readonly named: number;
  /** How often `explain()` gave each other name. */
  readonly others: Readonly<Record<string, number>>;
}

const FAULT_AT_MS = 300_000;
const FAULT_FOR_MS = 1_800_000;
/** From one look at the device to the next, ms. */
const LOOK_MS = 10_000;

/**
 * Runs a device into one fault of half an hour. A wait is a call that comes to nothing, and each look at the device
 * at which it is not connected.
 */
export function waitsIn(plan: Plan, of: FaultClass, strength: number, watch: Watch = {}): Waits {
  const { kind, names } = TOLD_APART[of];
  const fault: Fault = { kind, atMs: FAULT_AT_MS, forMs: FAULT_FOR_MS, n: strength };
  const cell = new Cell({ ...plan, faults: [fault] }, watch);
  const { queue, conditions, broker, cloud, device, app, trace } = cell;
  const others: Record<string, number> = {};
  let all = 0;
  let named = 0;
  const look = (): void => {
    const { client } = device;
    const { nowMs } = queue;
    if (client === null || nowMs < FAULT_AT_MS + LOOK_MS || nowMs >= FAULT_AT_MS + FAULT_FOR_MS) return;
    const { name } = explain(client);
    all++;
    if ((names as readonly string[]).includes(name)) named++;
    else others[name] = (others[name] ?? 0) + 1;
  };
  app.refused = look;
  device.provision();
  device.bootAfter(plan.bootAtMs);
  new Effects([fault], queue, conditions, broker, cloud, device, app, trace).start();
  while (!queue.isStopped && queue.nowMs < FAULT_AT_MS + FAULT_FOR_MS) {
    queue.run(queue.nowMs + LOOK_MS);
    const { client } = device;
    if (client !== null && client.state !== State.READY) look();
  }
  return { all, named, others };
}
