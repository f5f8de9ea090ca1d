import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";

/** The fields of its answer, a list with one entry for each account. */
export const LIST_FIELDS = [
  "account",
  "organization",
  "team",
  "type",
  "expires_at",
  "state",
  "default",
  "issuer",
  "client",
];

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
      "An account is one person or service at one provider, by one client. Where two of a team have the same name, each is listed with what distinguishes it from the other: ann@example.com/id.example.com, or ann@example.com/CLIENT. So it is named in other commands.",
      "The state of an account: valid (by the clock), refreshable (the token is over, and the next command gets a new one), expired or ended (the provider takes it no more): log in again.",
    ],
  });
}
