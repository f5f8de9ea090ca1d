/** What a device says about itself by the firmware's `explain()`: here, or in a record of one elsewhere. */

import * as v from "valibot";
import { type Explanation, sentenceOf } from "../../firmware/explain.js";
import { Status } from "../../firmware/index.js";
import { printable, usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { type Evidence, type Finding, fine, problem } from "./finding.js";
import { fileText, pipedText } from "./text.js";

/** Whoever wrote the file, it must not drive the terminal. */
const Text = v.pipe(
  v.string(),
  v.transform((text) => printable(text)),
);
const Whole = v.pipe(v.number(), v.safeInteger());

/** The members of {@link Explanation} that are shown; what a status means, this program knows itself. */
const RecordSchema = v.object({
  status: Whole,
  name: Text,
  transport: Text,
  link: Text,
  proof: Text,
  cloud: Text,
  code: Whole,
  peerCode: Whole,
  peerReason: Text,
  lastRefusal: Whole,
  clockAheadS: Whole,
  connects: Whole,
  losses: Whole,
  silentMs: Whole,
});

type Told = v.InferOutput<typeof RecordSchema>;

/** The numbers, names and codes beside a status. @param told from an {@link Explanation}, or of its record */
export function evidenceOf(told: Omit<Told, "status" | "name">): Evidence {
  const { transport, link, proof, cloud, code } = told;
  return {
    transport,
    link,
    proof,
    cloud,
    code,
    peer_code: told.peerCode,
    peer_reason: told.peerReason,
    last_refusal: Status[told.lastRefusal] ?? told.lastRefusal,
    clock_ahead_seconds: told.clockAheadS,
    connects: told.connects,
    losses: told.losses,
    silent_ms: told.silentMs < 0 ? null : told.silentMs,
  };
}

/** The number or the name of a status. */
export function examineStatus(told: string | undefined): Finding[] {
  if (told === undefined) return [];
  const status = /^\d+$/.test(told) ? Number(told) : Status[told.toUpperCase() as keyof typeof Status];
  if (typeof status !== "number" || Status[status] === undefined) {
    throw usage(
      `There is no status '${printable(told, 40)}'.`,
      "Give the number or the name that the device's explain() shows.",
    );
  }
  return [ofStatus("status", status, {})];
}

/** A file with what `JSON.stringify(explain(auth))` made. @param path `-`: standard input */
export async function examineRecord(system: System, path: string | undefined): Promise<Finding[]> {
  if (path === undefined) return [];
  const record =
    path === "-"
      ? recordIn("standard input", await pipedText(system, FLAG))
      : recordIn(printable(path), await fileText(system, FLAG, path));
  return [ofStatus("record", record.status, evidenceOf(record))];
}

const FLAG = "--record";
const NEXT = "It holds what JSON.stringify(explain(auth)) made on the device, and nothing else.";

function recordIn(file: string, text: string): Told {
  if (text.trim() === "") throw usage(`${FLAG}: ${file} is empty.`, NEXT);
  const result = v.safeParse(RecordSchema, jsonIn(file, text));
  if (!result.success) {
    const member = v.getDotPath(result.issues[0]);
    const what =
      member === null ? "is no JSON object" : `lacks '${member}', or has it otherwise than a device`;
    throw usage(`${FLAG}: ${file} ${what}.`, NEXT);
  }
  const { status, name } = result.output;
  if (Status[status] === name) return result.output;
  throw usage(
    `${FLAG}: ${file} gives status ${status} the name '${name.slice(0, 40)}', which is unknown here.`,
    "Use the motekey that the firmware was built with.",
  );
}

function jsonIn(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words quote the file, which may be a key that was named by mistake.
    throw usage(`${FLAG}: ${file} is no JSON.`, NEXT);
  }
}

/** A status in the firmware's own words. */
export function ofStatus(check: "device" | "status" | "record", status: Status, evidence: Evidence): Finding {
  const name = Status[status];
  const [message = "", next = ""] = sentenceOf(status).split(/; (.*)/s);
  if (status === Status.OK) return fine(check, message, evidence);
  return problem(check, `device_${name.toLowerCase()}`, `${message.replace(/\.$/, "")}.`, capital(next), {
    status,
    name,
    ...evidence,
  });
}

/** The same with a capital first letter. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
