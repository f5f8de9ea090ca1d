import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";

/** The fields of its answer, a list with one entry for each account. */
export const LIST_FIELDS = ["account", "organization", "team", "type", "expires_at", "state", "default"];

/** `motekey auth list` */
export function listCommand(act: Act): Command {
  const command = new Command("list")
    .alias("ls")
    .summary("list the accounts that are logged in")
    .description("Lists the accounts that are logged in; with --team those of the team. No token is shown.");
  act<object>(command, async () => (await import("./run.js")).list);
  withFields(command, LIST_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey auth list", "All accounts"],
      ["motekey auth ls --team acme", "Those of a team"],
      ["motekey auth list --json=account,expires_at", "For a program"],
    ],
    notes: [
      "The state of an account: valid, refreshable (the token is over, and the next command gets a new one) or expired (log in again).",
    ],
  });
}
