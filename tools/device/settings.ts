/** Settings of the app's own, beside the credential, and numbers as flags have them. */
import { printable, usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import type { Partition } from "../nvs/partition.js";
import { parseValue } from "../nvs/value.js";
import { secretBytes } from "./files.js";
import { NAMESPACE } from "./provision.js";

/** The flags that name them. */
export interface SettingFlags {
  readonly set?: readonly string[];
  readonly settings?: string;
}

/** The lines of both flags, each `namespace.key=type:value`. What `--settings` holds is kept out of all output. */
export async function settingsOf(system: System, flags: SettingFlags): Promise<string[]> {
  const lines = [...(flags.set ?? [])];
  if (flags.settings === undefined) return lines;
  const text = (await secretBytes(system, "--settings", flags.settings)).toString();
  const settings = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  // What is wrong with one is told without its value.
  for (const line of settings) system.secrets.keep(/=\w+:(.{8,})$/s.exec(line)?.[1]);
  return [...lines, ...settings];
}

/** Writes one into a partition. @throws Failure for a line that is none, and for motekey's own names */
export function setLine(partition: Partition, line: string): void {
  const [, namespace = "", key = "", value = ""] = /^([^.=]+)\.([^=]+)=(.*)$/s.exec(line) ?? [];
  if (namespace === "")
    throw usage("A setting is not written as namespace.key=type:value.", "Such as app.interval=u32:600.");
  setIn(partition, namespace, key, value);
}

/** Writes one whose names stand elsewhere. @param value as `type:value` @throws Failure for motekey's own names */
export function setIn(partition: Partition, namespace: string, key: string, value: string): void {
  if (namespace === NAMESPACE && key.startsWith("motekey-"))
    throw usage(`'${printable(key, 40)}' is motekey's own.`, "Give --id, --psk-file and --counter instead.");
  partition.set(namespace, key, parseValue(value));
}

/** A flag's whole number, decimal or hex. */
export function numberOf(flag: string, text: string): number {
  const number = Number(text);
  if (/^(\d+|0x[\da-fA-F]+)$/.test(text) && Number.isSafeInteger(number)) return number;
  throw usage(`${flag} is a whole number, not '${printable(text, 40)}'.`, "Write it as 24576 or 0x6000.");
}
