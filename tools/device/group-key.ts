/** The group key that devices' keys are derived from. */
import { usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { secretBytes, secretLine } from "./files.js";
import type { GroupKeyFlags } from "./group-key-flags.js";
import { PskSource } from "./psk-source.js";
import { isSealed, unsealed } from "./seal.js";

/** The keys that the flags derive; null: none. @throws Failure for one on the command line */
export async function groupKeyOf(system: System, flags: GroupKeyFlags): Promise<PskSource | null> {
  if (flags.groupKey !== undefined)
    throw usage(
      "A group key on the command line can be read by everybody on this machine.",
      "Put it into a file of its owner's alone, and give --group-key-file.",
    );
  const { groupKeyFile: file, identityFile: identity } = flags;
  if (file === undefined) {
    if (identity === undefined) return null;
    throw usage("--identity-file opens a sealed group key, and none is named.", "Give --group-key-file.");
  }
  const bytes = await secretBytes(system, "--group-key-file", file);
  const text = isSealed(bytes)
    ? await unsealed(system, bytes, identity, "--group-key-file")
    : bytes.toString("latin1");
  bytes.fill(0);
  const key = text.trim();
  system.secrets.keep(key);
  return PskSource.ofGroupKey(key);
}

/** The flags that name one device's key. */
export interface PskFlags extends GroupKeyFlags {
  readonly pskFile?: string;
}

/** A device's key: from its own file, or derived. @throws Failure where nothing names it, or both do */
export async function pskOf(system: System, id: string, flags: PskFlags): Promise<string> {
  const { pskFile: file } = flags;
  const groupKey = await groupKeyOf(system, flags);
  if (groupKey !== null && file !== undefined)
    throw usage("--psk-file and --group-key-file both name the key.", "Give one of them.");
  if (groupKey === null && file === undefined)
    throw usage("Nothing names the key.", "Give --psk-file FILE, or --group-key-file FILE.");
  const psk = groupKey?.pskOf(id) ?? (await secretLine(system, "--psk-file", file ?? "-"));
  groupKey?.wipe();
  if (psk === "") throw usage("The key is empty.", "--psk-file holds the device's PSK.");
  system.secrets.keep(psk);
  return psk;
}
