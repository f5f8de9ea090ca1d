/** Settings of the app's own, beside the credential, and numbers as flags have them. */
import { printable, usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { secretBytes } from "./files.js";

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
  // What is wrong with one is reported without its value.
  for (const line of settings) system.secrets.keep(/=\w+:(.{8,})$/s.exec(line)?.[1]);
  return [...lines, ...settings];
}

/** A flag's whole number, decimal or hex. */
export function numberOf(flag: string, text: string): number {
  const number = Number(text);
  if (/^(\d+|0x[\da-fA-F]+)$/.test(text) && Number.isSafeInteger(number)) return number;
  throw usage(`${flag} is a whole number, not '${printable(text, 40)}'.`, "Write it as 24576 or 0x6000.");
}
