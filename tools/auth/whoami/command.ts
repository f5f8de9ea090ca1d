import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withAccount } from "../account-flag.js";

/** The fields of its answer. */
export const WHOAMI_FIELDS = [
  "id",
  "email",
  "name",
  "organization",
  "role",
  "created_at",
  "account",
  "team",
  "source",
];

/** `motekey auth whoami` */
export function whoamiCommand(act: Act): Command {
  const command = new Command("whoami")
    .alias("me")
    .summary("show whose login it is")
    .description(
      "Asks the identity provider whose login this is. The token is refreshed first when it is over.",
    );
  act<object>(withAccount(command), async () => (await import("./run.js")).whoami);
  withFields(command, WHOAMI_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey auth whoami", "Who am I?"],
      ["motekey auth me --json=id,role", "For a program"],
    ],
    notes: ["What the provider does not say is '-', and null in JSON."],
  });
}
