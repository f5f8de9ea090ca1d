/** All orders of what can happen to one host: a small model whose every step is the firmware's own. */
import { createHash } from "node:crypto";
import { explain } from "../../host-sim/explain.js";
import { Cell } from "../../host-sim/world/cell.js";
import type { Plan, Watch } from "../../host-sim/world/index.js";

/** What happens, and how long the world goes on after it, ms: none, until it is on its way, until it is answered. */
export interface Move {
  readonly what: "generate" | "get" | "revoke" | "reboot" | "grow old";
  readonly forMs: number;
}

const HOST = "app0.example.com";
/** Where a host's record tells its kind (firmware/RECORD.md). */
const KIND_AT = 3;
const GAPS_MS = [0, 25, 1_000];
/** Of a life of 300 s so much, that a token is due for its refresh. */
const OLD_MS = 250_000;
/** By then the device is connected, or has come to good. */
const BOOTED_MS = 5_000;
const GOOD_MS = 60_000;

export const MOVES: readonly Move[] = [
  ...(["generate", "get", "revoke", "reboot"] as const).flatMap((what) =>
    GAPS_MS.map((forMs) => ({ what, forMs })),
  ),
  { what: "grow old", forMs: OLD_MS },
];

/** A device that is connected and has a token. */
export function begin(plan: Plan, watch: Watch = {}): Cell {
  const cell = new Cell({ ...plan, hosts: 1 }, watch);
  cell.device.provision();
  cell.device.bootAfter(1);
  cell.queue.run(BOOTED_MS);
  return cell;
}

export function move({ app, device, queue }: Cell, { what, forMs }: Move): void {
  if (what === "reboot") device.crash(100);
  else if (what !== "grow old") app.want(what, HOST);
  if (forMs > 0) queue.run(queue.nowMs + forMs);
}

/** What can be told apart from outside: states that have it in common are taken for the same. */
export function stateOf({ app, cloud, device, queue }: Cell): string {
  const { client, flash, line } = device;
  const issue = cloud.latest(HOST);
  const age = issue === undefined ? -1 : Math.floor((queue.nowMs - issue.askedAtMs) / OLD_MS);
  const records = [...flash.values]
    .filter(([name]) => name.startsWith("motekey-h"))
    .map(([name, bytes]) => `${name}:${bytes[KIND_AT]}`);
  const told = [
    client?.state,
    client === null ? "" : explain(client).name,
    line,
    cloud.has(HOST),
    issue?.isEnded,
    age,
    app.openCalls.join(),
    app.revoked.has(HOST),
    app.isRevokedLately(HOST, issue?.askedAtMs ?? 0),
    ...records,
  ];
  return createHash("sha256").update(told.join("|")).digest("base64");
}

/** All is checked that holds when the world is left alone. */
export function end(cell: Cell): string | undefined {
  cell.app.troubleUntilMs = cell.queue.nowMs;
  cell.queue.run(cell.queue.nowMs + GOOD_MS);
  cell.checkEnd();
  const { violation } = cell.verdict;
  return violation && `${violation.check}: ${violation.what}`;
}

export interface Ordered {
  /** Orders that were run. */
  orders: number;
  states: number;
  /** Of the longest order that found a state which no shorter one had. */
  deepest: number;
  readonly failures: string[];
}

/**
 * Every order of moves up to `whole` of them; from there on, up to `depth`, only those go on that came to a state which
 * was not met before.
 */
export function order(plan: Plan, whole: number, depth: number): Ordered {
  const seen = new Set<string>();
  const ordered: Ordered = { orders: 0, states: 0, deepest: 0, failures: [] };
  let layer: Move[][] = [[]];
  for (let length = 0; length <= depth && layer.length > 0; length++) {
    const next: Move[][] = [];
    for (const moves of layer) {
      const cell = begin(plan);
      for (const each of moves) move(cell, each);
      const state = stateOf(cell);
      const isNew = !seen.has(state);
      seen.add(state);
      if (isNew) ordered.deepest = length;
      ordered.orders++;
      const wrong = end(cell);
      if (wrong !== undefined) ordered.failures.push(`${JSON.stringify(moves)}: ${wrong}`);
      if (length < whole || isNew) for (const each of MOVES) next.push([...moves, each]);
    }
    layer = next;
  }
  ordered.states = seen.size;
  return ordered;
}
