import type { Command } from "commander";

/** Adds `--account`, for a command that uses one: two accounts side by side need no switch. */
export function withAccount(command: Command): Command {
  return command.option("--account <name>", "this account, as 'motekey auth list' names it, not the default");
}
