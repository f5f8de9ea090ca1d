/** Fleets in the scenarios in which something is away for all at once. */
import { readFileSync } from "node:fs";
import { type Herd, herdOf, readScenario, runFleet, type Tally } from "../../host-sim/world/index.js";

const FOLDER = new URL("../../docs/scenarios/", import.meta.url);
const SEED = Number(process.env.SEED ?? 1);

/** For so long each is run, h: the last outage, and all that comes of it. */
const HOURS = {
  "factory-restart": 2.6,
  "broker-upgrade": 2.4,
  "office-wifi": 3.6,
  "full-broker": 2.9,
} as const;

export type Outage = keyof typeof HOURS;

export const OUTAGES = Object.keys(HOURS) as readonly Outage[];

/** What a fleet came to. */
export interface Come {
  readonly herd: Herd;
  readonly tally: Tally;
  readonly failures: readonly string[];
}

/** @param spreadMs its devices' `limits.spreadMs` */
export function come(name: Outage, devices: number, spreadMs: number): Come {
  const scenario = readScenario(readFileSync(new URL(`${name}.json`, FOLDER), "utf8"));
  const { faults: rates, events, broker: profile } = scenario;
  const draw = { seed: SEED, forMs: HOURS[name] * 3_600_000, rates, events, profile, spreadMs };
  const { failures, tally } = runFleet(draw, 0, devices);
  return {
    herd: herdOf(tally, devices, spreadMs),
    tally,
    failures: failures.map(
      ({ violation, plan }) => `seed ${SEED}, device ${plan.device}: ${JSON.stringify(violation)}`,
    ),
  };
}
