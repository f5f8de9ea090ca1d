/** The flags of an authority, apart from what reads its key: every start reads them. */
import type { Command } from "commander";

/** Which authority, and what opens its key. */
export interface AuthorityFlags {
  readonly ca?: string;
  readonly identityFile?: string;
  readonly passphraseFile?: string;
}

/** Adds them. */
export function withAuthorityFlags(command: Command): Command {
  withAuthorityFolder(command)
    .option("--passphrase-file <file>", "what opens its key; without it the terminal asks")
    .option("--identity-file <file>", "the age identity that opens its key");
  return command;
}

/** Adds the first alone. */
export function withAuthorityFolder(command: Command): Command {
  return command.option("--ca <folder>", "the authority's folder (default: ca)");
}

/** How long a certificate is good, in days, by what it is for. */
export const PROFILES = { short: 7, standard: 90, long: 825 } as const;

/** Which certificate. */
export interface ProfileFlags {
  readonly profile?: string;
}

/** Adds it. */
export function withProfileFlag(command: Command): Command {
  const days = Object.entries(PROFILES).map(([name, count]) => `${name} (${count} days)`);
  return command.option(
    "--profile <name>",
    `how long the certificate is good: ${days.join(", ")} (default: standard)`,
  );
}
