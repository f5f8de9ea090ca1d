/** What the flags say of the secret that seals a batch's records. */
import type { Command } from "commander";
import { usage } from "../../cli/failure.js";
import type { System } from "../../cli/system.js";
import { sealsNoCertificate } from "../seal-flags.js";
import type { SealSecret } from "../seal-key.js";

/** The flags. */
export interface BatchSealFlags {
  readonly sealSecretFile?: string;
  readonly sealByMac?: boolean;
  readonly cert?: string;
  readonly csrFolder?: string;
}

/** Adds them. */
export function withBatchSealFlags(command: Command): Command {
  return command
    .option(
      "--seal-secret-file <file>",
      "seal all records: the 32 bytes of the HMAC key in the eFuses of all these chips; with --seal-by-mac the build's secret",
    )
    .option(
      "--seal-by-mac",
      "obfuscate with the build's secret and each chip's MAC address: the board's own, or of the list's column 'mac'",
    );
}

/** What is said of the records' protection; null: the batch has none. */
export const sealingIn = ({ sealSecretFile, sealByMac, csrFolder }: BatchSealFlags): string | null => {
  if (csrFolder !== undefined) return null;
  if (sealSecretFile === undefined) return "unsealed";
  return sealByMac === true ? "obfuscated" : "sealed";
};

/** null: nothing seals them. @throws Failure where flags do not go together, or the secret is none */
export async function sealSecretOf(system: System, flags: BatchSealFlags): Promise<SealSecret | null> {
  const { sealSecretFile: file, sealByMac = false } = flags;
  if (file === undefined) {
    if (sealByMac) throw usage("--seal-by-mac goes with the build's secret.", "Give --seal-secret-file too.");
    return null;
  }
  if (flags.cert !== undefined || flags.csrFolder !== undefined) throw sealsNoCertificate();
  const { SealSecret } = await import("../seal-key.js");
  return SealSecret.open(system, file, sealByMac);
}
