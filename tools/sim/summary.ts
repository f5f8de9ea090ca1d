import type { Colors } from "picocolors/types.js";
import type { SimulatedCore, Violation, WorldResult } from "../../host-sim/index.js";
import { printable } from "../cli/failure.js";
import { duration } from "../cli/progress.js";

/** What was asked for, and how it went beside the result. */
export interface Told {
  readonly seed: number;
  readonly devices: number;
  readonly days: number;
  readonly faults: string;
  readonly spreadS: number;
  readonly seconds: number;
  /** The file of the first failure. */
  readonly kept: string | null;
}

const YEAR_MS = 365 * 86_400_000;
const DAY_MS = 86_400_000;
/** Failures that people are shown; programs get all. */
const SHOWN = 5;

/** The answer for programs. */
export type Answer = ReturnType<typeof answerOf>;

export function answerOf(told: Told, { failures, herd, hash, tally }: WorldResult) {
  const { seed, devices, days, faults, spreadS, seconds } = told;
  const ofFleet = herd.violation === undefined ? [] : [violationOf(herd.violation, null, null, null)];
  const ends = Object.entries(tally.ends).sort(([one], [other]) => (one < other ? -1 : 1));
  return {
    seed,
    devices,
    days,
    faults,
    hash,
    violations: [
      ...failures.map(({ violation, plan }, index) =>
        violationOf(violation, plan.device, plan.core, index === 0 ? told.kept : null),
      ),
      ...ofFleet,
    ],
    device_days: Math.round((100 * tally.deviceMs) / DAY_MS) / 100,
    fault_count: tally.faults,
    boots: tally.boots,
    connects: tally.opens,
    requests: tally.requests,
    tokens: tally.issued,
    calls: tally.calls,
    calls_by_end: Object.fromEntries(ends),
    token_age: tally.ages,
    flash_writes_per_device_year: Math.round((tally.writes * YEAR_MS) / Math.max(1, tally.deviceMs)),
    busiest_second: herd.requests,
    busiest_second_bound: herd.bound,
    spread_s: spreadS,
    trace: null,
    seconds,
  };
}

/** @param device null: it is of the fleet */
const violationOf = (
  { check, what, atMs }: Violation,
  device: number | null,
  core: SimulatedCore | null,
  file: string | null,
) => ({ check, what, device, core, at_s: atMs / 1_000, file });

/** The same for people: what was run, whether all held, what the app met. */
export function textOf(answer: Answer, colours: Colors): string {
  const { violations, devices, days, seed, faults } = answer;
  const count = (number: number): string => number.toLocaleString("en-US");
  const asked = endsOf(answer, "get");
  const bound = answer.busiest_second_bound;
  const busiest = `${many(answer.busiest_second, "request")} within a second${bound === null ? "" : `, of ${count(bound)} at the most`}`;
  const rows: [string, string][] = [
    [
      "Ran",
      `${many(devices, "device")} for ${many(days, "day")}, seed ${seed}, faults: ${faults} (${count(answer.fault_count)})`,
    ],
    [
      "Met",
      `${many(answer.boots, "boot")}, ${many(answer.connects, "connection")} tried, ${many(answer.requests, "request")} to the cloud, ${many(answer.tokens, "token")} made`,
    ],
    ["Tokens", asked],
    ["Busiest", busiest],
    ["Flash", `${count(answer.flash_writes_per_device_year)} writes per device and year`],
    ["Hash", answer.hash],
    [
      "Took",
      `${duration(answer.seconds)}, ${count(Math.round(answer.device_days / Math.max(answer.seconds, 0.001)))} device-days per second`,
    ],
  ];
  const table = rows.map(([name, value]) => `${name.padEnd(8)}${value}`).join("\n");
  if (violations.length === 0) return `${table}\n${colours.green("All checks held.")}`;
  const shown = violations.slice(0, SHOWN).map(({ check, what, device, core, at_s }) => {
    const where = `${device === null ? "all devices" : `device ${device} (${core} core)`}, ${at_s.toFixed(1)} s`;
    return `  ${check}: ${printable(what.split("\n")[0] as string, 200)} — ${where}`;
  });
  const more = violations.length > SHOWN ? [`  … and ${violations.length - SHOWN} more`] : [];
  const [first] = violations;
  const kept =
    first?.file == null
      ? []
      : [`Again, with the fewest faults: motekey sim --replay ${printable(first.file)}`];
  const head = colours.red(`${many(violations.length, "check")} failed:`);
  return [table, head, ...shown, ...more, ...kept].join("\n");
}

function many(number: number, what: string): string {
  return `${number.toLocaleString("en-US")} ${what}${number === 1 ? "" : "s"}`;
}

/** How calls of one kind ended, as `98.2 % OK, 1.1 % REVOKED, …`. */
function endsOf({ calls_by_end }: Answer, what: string): string {
  const ends = Object.entries(calls_by_end)
    .filter(([name]) => name.startsWith(`${what} `))
    .map(([name, number]): [string, number] => [name.slice(what.length + 1), number])
    .sort(([, one], [, other]) => other - one);
  const all = ends.reduce((sum, [, number]) => sum + number, 0);
  if (all === 0) return "none was asked for";
  const shown = ends.slice(0, 4).map(([name, number]) => `${((100 * number) / all).toFixed(1)} % ${name}`);
  return `asked for ${all.toLocaleString("en-US")} times: ${shown.join(", ")}`;
}
