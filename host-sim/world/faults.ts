import type { Random } from "./random.js";

/** What a kind of fault is like. */
interface Kind {
  /** The part of the world that it happens in. */
  readonly part: "network" | "broker" | "cloud" | "device" | "clock" | "flash" | "decay";
  /** So many a day, where faults are as frequent as in a bad place. */
  readonly perDay: number;
  /** How long most last, ms; 0: they are over at once. */
  readonly meanMs: number;
  /** The strength is drawn from 0 to this. */
  readonly most: number;
}

const MINUTE = 60_000;

/** All there is. `n` is the strength of one: what it means stands beside each. */
export const KINDS = {
  /** Up to 100 × n ms more on the way. */
  slow: { part: "network", perDay: 1, meanMs: 5 * MINUTE, most: 60 },
  /** What comes in comes in pieces of n + 1 bytes. */
  split: { part: "network", perDay: 1, meanMs: 10 * MINUTE, most: 60 },
  /** One write takes n + 1 bytes. */
  narrow: { part: "network", perDay: 0.5, meanMs: 5 * MINUTE, most: 200 },
  /** Nothing arrives; then all of it does. */
  stall: { part: "network", perDay: 1, meanMs: 20_000, most: 0 },
  /** The line is dead, and nobody hears of it. */
  halfOpen: { part: "network", perDay: 1, meanMs: 0, most: 0 },
  /** The line is reset. */
  reset: { part: "network", perDay: 2, meanMs: 0, most: 0 },
  /** No connection can be opened, and the present one is lost. n > 5: opening one times out in place of failing. */
  cutOff: { part: "network", perDay: 1, meanMs: 8 * MINUTE, most: 10 },
  /** The name is not known. */
  nameless: { part: "network", perDay: 0.3, meanMs: 5 * MINUTE, most: 0 },
  /** A bit of what comes in is wrong, in one packet. */
  corrupt: { part: "network", perDay: 0.5, meanMs: 0, most: 1_000 },
  /** The broker closes the connection, as for another one with our client id. */
  takeover: { part: "broker", perDay: 0.5, meanMs: 0, most: 0 },
  /** The broker starts anew, with its sessions (n > 5) or without. */
  restart: { part: "broker", perDay: 0.3, meanMs: 30_000, most: 10 },
  /** The broker is there, and lets nobody in. */
  refusing: { part: "broker", perDay: 0.3, meanMs: 3 * MINUTE, most: 0 },
  /** What is published is acknowledged, and goes nowhere: n of ten messages. */
  lossy: { part: "broker", perDay: 0.5, meanMs: 5 * MINUTE, most: 10 },
  /** Messages come twice: n of ten. */
  doubling: { part: "broker", perDay: 0.5, meanMs: 10 * MINUTE, most: 10 },
  /** Acknowledgements of PUBLISH are lost: n of ten. */
  unacknowledged: { part: "broker", perDay: 0.5, meanMs: 10 * MINUTE, most: 10 },
  /** The broker's disk is full: nothing is taken, and nothing is acknowledged. */
  full: { part: "broker", perDay: 0.2, meanMs: 10 * MINUTE, most: 0 },
  /** The cloud answers nothing. */
  mute: { part: "cloud", perDay: 0.5, meanMs: 5 * MINUTE, most: 0 },
  /** The cloud answers each request after up to n seconds. */
  late: { part: "cloud", perDay: 0.5, meanMs: 10 * MINUTE, most: 25 },
  /** 503, with a retry_after of n seconds where n > 5. */
  unavailable: { part: "cloud", perDay: 0.7, meanMs: 5 * MINUTE, most: 60 },
  /** 429, with a retry_after of n seconds. */
  throttled: { part: "cloud", perDay: 0.5, meanMs: 2 * MINUTE, most: 120 },
  /** 500. */
  broken: { part: "cloud", perDay: 0.3, meanMs: 2 * MINUTE, most: 0 },
  /** Somebody ends a host's token in the cloud. */
  revoked: { part: "cloud", perDay: 0.5, meanMs: 0, most: 5 },
  /** The cloud is put back by n / 10 seconds. */
  forgetful: { part: "cloud", perDay: 0.3, meanMs: 0, most: 30 },
  /** The device is off, from one moment to the next. */
  crash: { part: "device", perDay: 1, meanMs: 30_000, most: 0 },
  /** The device sleeps, and knows how long (n even) or does not. */
  sleep: { part: "device", perDay: 0.5, meanMs: 10 * MINUTE, most: 9 },
  /** The device takes nothing in for a while: its engine does something else. */
  busy: { part: "device", perDay: 0.5, meanMs: 15_000, most: 0 },
  /** The clock jumps ahead by n seconds. */
  ahead: { part: "clock", perDay: 0.3, meanMs: 0, most: 600 },
  /** The clock jumps back by n ms. */
  back: { part: "clock", perDay: 0.3, meanMs: 0, most: 1_000 },
  /** The power goes during the next write, after n bytes; torn in a way of the store's. */
  cut: { part: "flash", perDay: 1, meanMs: 0, most: 400 },
  /** No write succeeds. */
  unwritable: { part: "flash", perDay: 0.2, meanMs: 5 * MINUTE, most: 0 },
  /** The partition is full: a write that fails has erased what was there. */
  crowded: { part: "flash", perDay: 0.1, meanMs: 5 * MINUTE, most: 0 },
  /** The store cannot be read. */
  unreadable: { part: "flash", perDay: 0.1, meanMs: 2 * MINUTE, most: 0 },
  /** The power goes while a sector is erased: all on it is whole, lost or older. Nothing mends that. */
  tornErase: { part: "decay", perDay: 0, meanMs: 0, most: 1_000 },
  /** The namespace's entry rots. */
  hidden: { part: "decay", perDay: 0, meanMs: 0, most: 0 },
  /** The broker lets the device in, and closes each connection 200 × n ms later. */
  kicking: { part: "broker", perDay: 0.2, meanMs: 10 * MINUTE, most: 50 },
} as const satisfies Record<string, Kind>;

export type FaultKind = keyof typeof KINDS;

export const FAULT_KINDS = Object.keys(KINDS) as readonly FaultKind[];

/** One fault: what, when, for how long, how bad. */
export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly forMs: number;
  readonly n: number;
}

/** How often each kind is drawn, in times its `perDay`. */
export type Rates = Partial<Record<FaultKind, number>>;

/** What is drawn where nothing else is asked for. */
export const ORDINARY: Rates = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 1]));

const times = (factor: number): Rates => Object.fromEntries(FAULT_KINDS.map((kind) => [kind, factor]));

/** How bad the world is, by a word. */
export const LEVELS = { none: {}, few: times(0.2), ordinary: ORDINARY, many: times(4) } as const;

export type Level = keyof typeof LEVELS;

/** The faults of one device over so long, in their order. */
export function drawFaults(random: Random, forMs: number, rates: Rates): Fault[] {
  const faults: Fault[] = [];
  for (const kind of FAULT_KINDS) {
    const { perDay, meanMs, most } = KINDS[kind];
    const each = perDay * (rates[kind] ?? 0);
    if (each === 0) continue;
    const gapMs = 86_400_000 / each;
    for (let atMs = 2 * gapMs * random.unit(); atMs < forMs; atMs += 2 * gapMs * random.unit())
      faults.push({
        kind,
        atMs: Math.floor(atMs),
        forMs: meanMs === 0 ? 0 : random.around(meanMs),
        n: random.between(0, most),
      });
  }
  return faults.sort((one, other) => one.atMs - other.atMs);
}
