import { createAuth, type LimitOptions } from "../../firmware/index.js";
import { runCell, type Watch } from "./cell.js";
import type { MakeClient } from "./device.js";
import { drawPlan } from "./plan.js";
import { Tally } from "./tally.js";

/** Bytes of entropy that a wait is drawn from. */
const DRAWN_BYTES = 6;

/** The firmware with waits that are as long as they may be: no two devices differ. */
const withoutJitter: MakeClient = (auth, ports) => {
  const { entropy } = ports;
  let isMade = false;
  const fill = (bytes: Uint8Array, from: number, to: number): void => {
    if (isMade && to - from === DRAWN_BYTES) bytes.fill(0xff, from, to);
    else entropy.fill(bytes, from, to);
  };
  const client = createAuth(auth, { ...ports, entropy: { fill } });
  isMade = true;
  return client;
};

const SPREAD_MS = 300_000;

/** Ways to wait for a network that is away, and how the firmware is made to wait so. */
const WAYS: readonly { name: string; limits: LimitOptions; make?: MakeClient }[] = [
  { name: "motekey, spread over 300 s", limits: { spreadMs: SPREAD_MS } },
  { name: "backoff from 1 s to 300 s without jitter", limits: {}, make: withoutJitter },
  {
    name: "again every 5 s",
    limits: { backoffBaseMs: 5_000, backoffCapMs: 5_000 },
    make: withoutJitter,
  },
];

/** How a fleet came back by one of the ways. */
export interface Comeback {
  readonly name: string;
  readonly devices: number;
  /** The network was away so long, s, and is watched so long from its loss on. */
  readonly awayS: number;
  readonly forS: number;
  /** In each second from the loss on. */
  readonly requests: readonly number[];
  readonly connects: readonly number[];
}

const LOST_AT_S = 600;
const AWAY_S = 120;
const FOR_S = 720;

/** Has the devices of a seed lose their network at one moment, once by each way: the byte core, and no other fault. */
export function comebacks(seed: number, devices: number): Comeback[] {
  const events = [{ kind: "cutOff", atMs: LOST_AT_S * 1_000, forMs: AWAY_S * 1_000, n: 0 }] as const;
  const draw = { seed, forMs: (LOST_AT_S + FOR_S) * 1_000, rates: {}, core: "byte", events } as const;
  return WAYS.map(({ name, limits, make }) => {
    const tally = new Tally();
    const watch: Watch = { limits, make };
    for (let device = 0; device < devices; device++) tally.add(runCell(drawPlan(draw, device), watch).tally);
    const each = (counts: ReadonlyMap<number, number>): number[] =>
      Array.from({ length: FOR_S }, (_, second) => counts.get(LOST_AT_S + second) ?? 0);
    return {
      name,
      devices,
      awayS: AWAY_S,
      forS: FOR_S,
      requests: each(tally.requestsAt),
      connects: each(tally.opensAt),
    };
  });
}
