import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Plan, Replayed, WorldResult } from "../../host-sim/index.js";
import type { Context } from "../cli/act.js";
import { Exit, Failure, printable, systemReason, usage } from "../cli/failure.js";
import { SIM_FIELDS } from "./fields.js";

/** States that people are shown, the latest; programs get all. */
const SHOWN = 8;

/** Has the firmware live through a trace. Resolves to 1 where it did otherwise. */
export async function replayOf({ system, output }: Context, name: string, text: string): Promise<number> {
  const { replayTrace } = await import("../../host-sim/index.js");
  const startedAtMs = system.now();
  let replayed: Replayed;
  try {
    replayed = replayTrace(text);
  } catch (error) {
    const why = printable((error as Error).message, 120);
    throw usage(`${printable(name)} is no trace that replays: ${why}.`, "Check --replay.");
  }
  const { lines, boots, states, difference } = replayed;
  const seconds = (system.now() - startedAtMs) / 1_000;
  const trace = { lines, states, difference: difference ?? null };
  const nothing = Object.fromEntries(SIM_FIELDS.map((field) => [field, null]));
  output.answer({ ...nothing, devices: 1, boots, trace, seconds }, textOf(replayed));
  return difference === undefined ? Exit.DONE : Exit.FAILED;
}

function textOf({ lines, boots, states, difference }: Replayed): string {
  const cut = states.length > SHOWN ? "… " : "";
  const ran = `Replayed ${lines.toLocaleString("en-US")} lines, ${boots} boot${boots === 1 ? "" : "s"}; states: ${cut}${states.slice(-SHOWN).join(" ")}`;
  if (difference === undefined) return `${ran}\nThe firmware did all that the trace says.`;
  const { line, expected, found } = difference;
  return `${ran}\nLine ${line} of the trace: ${printable(expected, 200)}\nThe firmware did: ${found === "" ? "nothing" : printable(found, 200)}`;
}

/** Runs one device and writes its trace. */
export async function record({ system }: Context, plan: Plan, name: string): Promise<WorldResult> {
  const { herdOf, recordCell } = await import("../../host-sim/index.js");
  const lines: string[] = [];
  const { violation, hash, tally } = recordCell(plan, (line) => void lines.push(line));
  await writeFile(resolve(system.directory, name), `${lines.join("\n")}\n`).catch((error: Error) => {
    const what = `Cannot write ${printable(name)}: ${systemReason(error)}.`;
    throw new Failure("failed", what, "Choose another place by --record.", { cause: error });
  });
  return {
    failures: violation === undefined ? [] : [{ violation, plan }],
    hash,
    tally,
    herd: herdOf(tally, 1, 0),
  };
}
