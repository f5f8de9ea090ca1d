import type { Random } from "./random.js";

/** A kind of fault. */
interface Kind {
  /** The part of the world that it affects. */
  readonly part: "network" | "broker" | "cloud" | "device" | "clock" | "flash" | "decay";
  /** How many a day, in a bad place. */
  readonly perDay: number;
  /** The typical duration, ms; 0: an instant. */
  readonly meanMs: number;
  /** The strength is drawn from 0 to this. */
  readonly most: number;
}

const MINUTE = 60_000;

/** All kinds. `n` is a fault's strength; each comment says what it means. */
export const KINDS = {
  /** Up to 100 × n ms more latency. */
  slow: { part: "network", perDay: 1, meanMs: 5 * MINUTE, most: 60 },
  /** Incoming bytes arrive in pieces of n + 1. */
  split: { part: "network", perDay: 1, meanMs: 10 * MINUTE, most: 60 },
  /** One write takes n + 1 bytes. */
  narrow: { part: "network", perDay: 0.5, meanMs: 5 * MINUTE, most: 200 },
  /** Nothing arrives; later all of it does. */
  stall: { part: "network", perDay: 1, meanMs: 20_000, most: 0 },
  /** The line is dead, and nobody notices. */
  halfOpen: { part: "network", perDay: 1, meanMs: 0, most: 0 },
  /** The line is reset. */
  reset: { part: "network", perDay: 2, meanMs: 0, most: 0 },
  /** No connection can be opened, and the present one is lost. n > 5: opening one times out instead of failing. */
  cutOff: { part: "network", perDay: 1, meanMs: 8 * MINUTE, most: 10 },
  /** DNS does not know the name. */
  nameless: { part: "network", perDay: 0.3, meanMs: 5 * MINUTE, most: 0 },
  /** A flipped bit in one incoming packet. */
  corrupt: { part: "network", perDay: 0.5, meanMs: 0, most: 1_000 },
  /** The broker closes the connection, as if another had our client id. */
  takeover: { part: "broker", perDay: 0.5, meanMs: 0, most: 0 },
  /** The broker restarts, with its sessions (n > 5) or without. */
  restart: { part: "broker", perDay: 0.3, meanMs: 30_000, most: 10 },
  /** The broker is up, and refuses everybody. */
  refusing: { part: "broker", perDay: 0.3, meanMs: 3 * MINUTE, most: 0 },
  /** The broker acknowledges and loses n of ten messages. */
  lossy: { part: "broker", perDay: 0.5, meanMs: 5 * MINUTE, most: 10 },
  /** Messages come twice: n of ten. */
  doubling: { part: "broker", perDay: 0.5, meanMs: 10 * MINUTE, most: 10 },
  /** Acknowledgements of PUBLISH are lost: n of ten. */
  unacknowledged: { part: "broker", perDay: 0.5, meanMs: 10 * MINUTE, most: 10 },
  /** The broker's disk is full: it takes and acknowledges nothing. */
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
  /** A restore puts the cloud back by n / 10 seconds. */
  forgetful: { part: "cloud", perDay: 0.3, meanMs: 0, most: 30 },
  /** The device loses power without warning. */
  crash: { part: "device", perDay: 1, meanMs: 30_000, most: 0 },
  /** The device sleeps, and knows how long (n even) or does not. */
  sleep: { part: "device", perDay: 0.5, meanMs: 10 * MINUTE, most: 9 },
  /** The device reads nothing for a while: its engine is busy. */
  busy: { part: "device", perDay: 0.5, meanMs: 15_000, most: 0 },
  /** The clock jumps ahead by n seconds. */
  ahead: { part: "clock", perDay: 0.3, meanMs: 0, most: 600 },
  /** The clock jumps back by n ms. */
  back: { part: "clock", perDay: 0.3, meanMs: 0, most: 1_000 },
  /** The power fails during the next write, after n bytes; the store tears in its own way. */
  cut: { part: "flash", perDay: 1, meanMs: 0, most: 400 },
  /** No write succeeds. */
  unwritable: { part: "flash", perDay: 0.2, meanMs: 5 * MINUTE, most: 0 },
  /** The partition is full: a failing write erases the old value. */
  crowded: { part: "flash", perDay: 0.1, meanMs: 5 * MINUTE, most: 0 },
  /** The store cannot be read. */
  unreadable: { part: "flash", perDay: 0.1, meanMs: 2 * MINUTE, most: 0 },
  /** The power fails during an erase: each value on the sector is whole, lost or older. Nothing repairs that. */
  tornErase: { part: "decay", perDay: 0, meanMs: 0, most: 1_000 },
  /** The namespace's entry rots. */
  hidden: { part: "decay", perDay: 0, meanMs: 0, most: 0 },
  /** The broker accepts the device, and closes each connection 200 × n ms later. */
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

/** How often each kind happens, as a multiple of its `perDay`. */
export type Rates = Partial<Record<FaultKind, number>>;

/** The default kinds. */
export const ORDINARY: Rates = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 1]));

const times = (factor: number): Rates => Object.fromEntries(FAULT_KINDS.map((kind) => [kind, factor]));

/** Presets of how bad the world is. */
export const LEVELS = { none: {}, few: times(0.2), ordinary: ORDINARY, many: times(4) } as const;

export type Level = keyof typeof LEVELS;

/** The faults of one device over this duration, in order. */
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
