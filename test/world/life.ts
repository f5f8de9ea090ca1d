/** One device's whole life, step by step, in the simulated world: the power may go within any of its writes. */
import { createHash } from "node:crypto";
import { Cell } from "../../host-sim/world/cell.js";
import { PowerCut } from "../../host-sim/world/flash.js";
import {
  type Core,
  drawPlan,
  MEDIA,
  type MediumName,
  type Plan,
  type Violation,
  type Watch,
} from "../../host-sim/world/index.js";

/** The power goes in this write of the life, counted from 0, and leaves this of what the medium can leave. */
export interface Cut {
  readonly write: number;
  readonly left: number;
}

/** What a life came to. */
export interface Lived {
  readonly violation: Violation | undefined;
  /** Of each write: in how many ways it could have been cut. */
  readonly writes: readonly number[];
  /** Of all that outlived the last cut: lives that have it in common go on alike. */
  readonly state: string;
  /** It was ended at its last cut: the state was known. */
  readonly isKnown: boolean;
}

const FIRST = "app0.example.com";
const SECOND = "app1.example.com";

const goOffline = ({ conditions, device }: Cell, isOffline: boolean): void => {
  conditions.isCutOff = isOffline;
  if (isOffline) device.cut(true);
};

/** What the app and the bench do, and how long the world goes on after each, s. Another kind of step finds its place here. */
export const STEPS: readonly (readonly [name: string, run: (cell: Cell) => void, seconds: number])[] = [
  ["boot", ({ device }) => device.bootAfter(1), 5],
  ["token", ({ app }) => app.want("get", SECOND), 3],
  ["refresh", ({ app }) => app.want("generate", FIRST), 3],
  ["refused", ({ app }) => app.want("rejected", SECOND), 3],
  ["revoke", ({ app }) => app.want("revoke", SECOND), 3],
  ["token again", ({ app }) => app.want("get", SECOND), 3],
  ["offline", (cell) => goOffline(cell, true), 1],
  ["revoke offline", ({ app }) => app.want("revoke", FIRST), 2],
  ["sleep owing", ({ device }) => device.sleep(10_000, true), 14],
  ["online", (cell) => goOffline(cell, false), 20],
  ["token after the revocation", ({ app }) => app.want("get", FIRST), 5],
  ["sleep", ({ device }) => device.sleep(10_000, true), 16],
  ["written anew at the bench", ({ device }) => device.enter(() => device.provision()), 1],
  ["power off", ({ device }) => device.crash(2_000), 8],
  ["token after the reboot", ({ app }) => app.want("get", SECOND), 3],
  ["sleep for nobody knows how long", ({ device }) => device.sleep(10_000, false), 16],
];

/** The longest that a device is off by itself, ms. */
const OFF_MS = 25_000;
/** By then all must have come to good, ms. */
const GOOD_MS = 1_000_000;

export const planOf = (core: Core, seed = 1): Plan => ({
  ...drawPlan({ seed, forMs: 1, rates: {}, core, proof: "counter+mac", profile: "mosquitto" }, 0),
  clockRate: 1,
  cleanSession: true,
  hosts: 2,
  lifetimeS: 300,
  periodMs: 1e12,
});

/**
 * Lives a life with these cuts.
 * @param isEach a value may be cut after any byte
 * @param isKnown asked at the last cut, of the state: a life that goes on alike was lived already
 * @param watch another firmware
 */
export function live(
  plan: Plan,
  medium: MediumName,
  cuts: readonly Cut[],
  isEach: boolean,
  isKnown: (state: string) => boolean = () => false,
  watch: Watch = {},
): Lived {
  const cell = new Cell(plan, watch);
  const { device, queue, app, verdict, conditions } = cell;
  const writes: number[] = [];
  let step = 0;
  let state = "";
  let isEnded = false;
  device.flash.breaks = (name, now) => {
    const ways = MEDIA[medium](device.flash.values, name, now, isEach);
    const cut = cuts.find(({ write }) => write === writes.length);
    writes.push(ways.length);
    const left = cut === undefined ? undefined : ways[cut.left];
    if (left === undefined) return undefined;
    device.isDecayed ||= left.isDecay === true;
    if (cut === cuts.at(-1)) {
      const values = new Map(device.flash.values);
      for (const [key, value] of left.changes)
        if (value === undefined) values.delete(key);
        else values.set(key, value);
      state = hashOf(step, left.lie, device.isDecayed, cell.trace.hash, cell.positions, values);
      isEnded = isKnown(state);
      queue.isStopped ||= isEnded;
    }
    return left;
  };
  for (let isProvisioned = false; !isProvisioned && !isEnded; ) isProvisioned = provisions(cell);
  for (const [, run, seconds] of STEPS) {
    if (queue.isStopped) break;
    if (step++ > 0) for (let ms = 0; device.client === null && ms < OFF_MS; ms += 500) pass(cell, 500);
    run(cell);
    pass(cell, 1_000 * seconds);
  }
  conditions.isCutOff = false;
  app.troubleUntilMs = queue.nowMs;
  pass(cell, GOOD_MS);
  if (!isEnded) cell.checkEnd();
  return { violation: verdict.violation, writes, state, isKnown: isEnded };
}

const pass = ({ queue }: Cell, ms: number): void => queue.run(queue.nowMs + ms);

/** At the bench, which tries again after a cut. */
function provisions({ device, verdict }: Cell): boolean {
  try {
    device.provision();
    return true;
  } catch (error) {
    if (!(error instanceof PowerCut)) verdict.wrong("ends", `provisioning threw ${error}`);
    return false;
  }
}

function hashOf(
  step: number,
  lie: number | undefined,
  isDecayed: boolean,
  history: string,
  positions: readonly number[],
  values: ReadonlyMap<string, Buffer>,
): string {
  const hash = createHash("sha256").update(`${step} ${lie} ${isDecayed} ${history} ${positions.join()}`);
  for (const [name, value] of [...values].sort(([one], [other]) => (one < other ? -1 : 1)))
    hash.update(`${name} ${value.length} `).update(value);
  return hash.digest("base64");
}

/** What was lived. */
export interface Explored {
  lives: number;
  states: number;
  /** Lives that were not lived to their end, as they go on like another. */
  alike: number;
  /** Writes of the life without a cut. */
  writes: number;
  readonly failures: string[];
}

/** Every life with a cut in any write, and with another cut in any write after that, to this depth. */
export function explore(
  plan: Plan,
  medium: MediumName,
  depth: number,
  isEach = false,
  watch: Watch = {},
): Explored {
  const seen = new Set<string>();
  const explored: Explored = { lives: 0, states: 0, alike: 0, writes: 0, failures: [] };
  const isKnown = (state: string): boolean => seen.has(state) || !seen.add(state);
  // Fewer cuts first: what a state leads to with the cuts that are left must not be skipped for one with fewer left.
  for (let layer: Cut[][] = [[]], cutsNow = 0; cutsNow <= depth; cutsNow++) {
    const next: Cut[][] = [];
    for (const cuts of layer) {
      const lived = live(plan, medium, cuts, isEach, isKnown, watch);
      explored.lives++;
      if (cutsNow === 0) explored.writes = lived.writes.length;
      if (lived.isKnown) {
        explored.alike++;
        continue;
      }
      const { violation, writes } = lived;
      if (violation !== undefined)
        explored.failures.push(`${JSON.stringify(cuts)}: ${violation.check}: ${violation.what}`);
      if (cutsNow === depth) continue;
      for (let write = (cuts.at(-1)?.write ?? -1) + 1; write < writes.length; write++)
        for (let left = 0; left < (writes[write] as number); left++) next.push([...cuts, { write, left }]);
    }
    layer = next;
  }
  explored.states = seen.size;
  return explored;
}
