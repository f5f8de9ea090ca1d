/** The flags that name a group key, apart from what reads it: every start reads them. */
import { type Command, Option } from "commander";

/** Both, or the first alone. */
export interface GroupKeyFlags {
  readonly groupKey?: string;
  readonly groupKeyFile?: string;
  readonly identityFile?: string;
}

/** Adds them to a command. */
export function withGroupKeyFlags(command: Command): Command {
  return command
    .option(
      "--group-key-file <file>",
      "derive keys from this group key: base64, or that sealed with age (see --identity-file)",
    )
    .option("--identity-file <file>", "the age identity that opens what is sealed")
    .addOption(new Option("--group-key <key>").hideHelp());
}
