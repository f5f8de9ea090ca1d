/** What a run of a batch works with, whether it writes files or boards. */
import { Failure, printable } from "../../cli/failure.js";
import type { Progress } from "../../cli/progress.js";
import type { DeviceCloud, Registered } from "../cloud.js";
import { keyFingerprint } from "../record.js";
import type { DevicesFile, Wanted } from "./devices.js";
import type { BatchFolder } from "./folder.js";
import type { Journal, Made } from "./journal.js";

/** Its parts. */
export interface Batch {
  readonly list: DevicesFile;
  /** Those that no run has come to yet. */
  readonly rows: AsyncGenerator<Wanted>;
  readonly cloud: DeviceCloud;
  readonly folder: BatchFolder;
  readonly journal: Journal;
  /** How many the list has. */
  readonly devices: number;
  readonly counts: Counts;
  readonly progress: Progress;
}

/** What a run came to. */
export interface Counts {
  made: number;
  before: number;
  refused: number;
  checked: number;
}

/** Registers devices: the cloud must have the keys that it is given. In their order. */
export async function registered(
  cloud: DeviceCloud,
  devices: readonly { readonly id: string; readonly psk: string }[],
): Promise<Registered[]> {
  const answers = await cloud.createMany(devices);
  for (const [index, answer] of answers.entries())
    if (!("error" in answer) && answer.key_fingerprint !== keyFingerprint(devices[index]?.psk ?? ""))
      throw new Failure(
        "cloud_invalid",
        `The cloud has another key of ${answer.id} than it was given.`,
        "Nothing was written for it.",
      );
  return answers;
}

/** Counts a device that the cloud refused, and says so; its line for the journal. */
export function refusal(
  { list, counts }: Batch,
  warn: (text: string) => void,
  wanted: Wanted,
  why: string,
): Made {
  const { id, line } = wanted;
  counts.refused++;
  warn(`${printable(list.name)}, line ${line}: the cloud refuses ${id}: ${printable(why, 200)}.`);
  return { did: "refused", device: id, line, why: printable(why, 200) };
}

/** In groups of a size; the last one may be smaller. */
export async function* groupsOf<T>(all: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const one of all) {
    group.push(one);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
