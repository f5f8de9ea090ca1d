import { FAULT_KINDS, type Fault, type FaultKind, type Rates } from "./faults.js";
import { PROFILE_NAMES, type ProfileName } from "./profiles.js";

/** A place or a day for a fleet, as a file: docs/scenarios has its JSON schema and examples. */
export interface Scenario {
  /** For people. */
  readonly about: string;
  readonly broker?: ProfileName | undefined;
  /** How often each kind of fault happens to a device, as a multiple of the ordinary; other kinds do not happen. */
  readonly faults: Rates;
  /** What happens to all devices at one moment. */
  readonly events: readonly Fault[];
}

const TIMES_MAX = 1_000;
const MEMBERS = ["$schema", "about", "broker", "faults", "events"];

/** @throws Error that says what is wrong with the text */
export function readScenario(text: string): Scenario {
  const told = JSON.parse(text) as Record<string, unknown>;
  if (!isObject(told)) throw new Error("the file is no object");
  for (const name of Object.keys(told))
    if (!MEMBERS.includes(name)) throw new Error(`'${name}' is none of ${MEMBERS.join(", ")}`);
  const { about, broker, faults = {}, events = [] } = told;
  if (typeof about !== "string" || about === "") throw new Error("about is no text");
  if (broker !== undefined && !PROFILE_NAMES.includes(broker as ProfileName))
    throw new Error(`broker is none of ${PROFILE_NAMES.join(", ")}`);
  if (!isObject(faults)) throw new Error("faults is no object");
  for (const [kind, times] of Object.entries(faults)) {
    checkKind(`faults.${kind}`, kind);
    if (!isWithin(times, TIMES_MAX)) throw new Error(`faults.${kind} is no number from 0 to ${TIMES_MAX}`);
  }
  if (!Array.isArray(events)) throw new Error("events is no list");
  return {
    about,
    broker: broker as ProfileName | undefined,
    faults: faults as Rates,
    events: events.map((event, index) => eventOf(`events[${index}]`, event)),
  };
}

function eventOf(name: string, event: unknown): Fault {
  if (!isObject(event)) throw new Error(`${name} is no object`);
  const { kind, at_s, for_s = 0, strength = 0, ...others } = event;
  const [other] = Object.keys(others);
  if (other !== undefined) throw new Error(`${name}.${other} is none of kind, at_s, for_s, strength`);
  checkKind(`${name}.kind`, kind);
  for (const [member, value] of Object.entries({ at_s, for_s, strength }))
    if (!isWithin(value, 1e9)) throw new Error(`${name}.${member} is no number from 0 on`);
  return {
    kind: kind as FaultKind,
    atMs: Math.floor((at_s as number) * 1_000),
    forMs: Math.floor((for_s as number) * 1_000),
    n: Math.floor(strength as number),
  };
}

function checkKind(name: string, kind: unknown): void {
  if (!FAULT_KINDS.includes(kind as FaultKind))
    throw new Error(`${name} is none of ${FAULT_KINDS.join(", ")}`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isWithin = (value: unknown, most: number): boolean =>
  typeof value === "number" && value >= 0 && value <= most;
