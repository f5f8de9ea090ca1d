import type { Proof } from "../../firmware/index.js";
import type { Plan } from "./cell.js";
import type { Core } from "./device.js";
import { drawFaults, type Fault, type Rates } from "./faults.js";
import { PROFILE_NAMES, type ProfileName } from "./profiles.js";
import { Random } from "./random.js";

/** Settings for a fleet's plans; each device draws the absent ones at random. */
export interface Draw {
  readonly seed: number;
  readonly forMs: number;
  readonly rates: Rates;
  readonly core?: Core | undefined;
  readonly proof?: Proof | undefined;
  readonly profile?: ProfileName | undefined;
  /** What happens to all devices at one moment, beside each device's own faults. */
  readonly events?: readonly Fault[] | undefined;
  /** `limits.spreadMs` of all devices; absent: 0. */
  readonly spreadMs?: number | undefined;
}

const PURPOSE = 0;
const PROOFS: readonly Proof[] = ["counter+mac", "counter+mac", "counter", "password", "password", "key"];
const PERIODS_MS = [30_000, 120_000, 600_000, 1_800_000];
const LIFETIMES_S = [300, 3_600, 3_600, 3_600, 86_400];
/** Of a crystal, and of the RC oscillator that some engines count by, ppm. */
const DRIFTS_PPM = [0, 20, -20, 100, -100, 2_000, -2_000];
/** Of four devices one runs Espruino's core. */
const CORES: readonly Core[] = ["byte", "byte", "byte", "espruino"];

/** The plan of one device of a fleet: it follows from the seed and the device's number, nothing else. */
export function drawPlan(draw: Draw, device: number): Plan {
  const { seed, forMs, rates } = draw;
  const random = new Random(seed, device, PURPOSE);
  const core = random.pick(CORES);
  const proof = random.pick(PROOFS);
  const profile = random.pick(PROFILE_NAMES);
  return {
    seed,
    device,
    forMs,
    core: draw.core ?? core,
    proof: draw.proof ?? proof,
    profile: draw.profile ?? profile,
    cleanSession: !random.chance(25),
    hosts: random.between(1, 3),
    lifetimeS: random.pick(LIFETIMES_S),
    periodMs: random.pick(PERIODS_MS),
    clockRate: 1 + random.pick(DRIFTS_PPM) / 1_000_000,
    bootAtMs: random.between(1, 60_000),
    ...(draw.spreadMs === undefined ? {} : { spreadMs: draw.spreadMs }),
    faults: withEvents(drawFaults(random, forMs, rates), draw),
  };
}

/** Both, in order of time. */
const withEvents = (faults: Fault[], { events = [], forMs }: Draw): Fault[] =>
  events.length === 0
    ? faults
    : [...faults, ...events.filter(({ atMs }) => atMs < forMs)].sort((one, other) => one.atMs - other.atMs);
