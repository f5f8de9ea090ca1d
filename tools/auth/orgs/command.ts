import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withAccount } from "../account-flag.js";

/** The fields of its answer, a list with one entry for each organization. */
export const ORGS_FIELDS = ["id", "guid", "name", "role", "teams", "current"];

/** `motekey auth orgs` */
export function orgsCommand(act: Act): Command {
  const command = new Command("orgs")
    .summary("list the account's organizations")
    .description("Lists the organizations that the account is in, as the identity provider knows them.");
  act<object>(withAccount(command), async () => (await import("./run.js")).orgs);
  withFields(command, ORGS_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey auth orgs", "With their ids"],
      ["motekey auth orgs --account ann@example.com --json=id,name", "Another account's, for a program"],
    ],
    notes: [
      "'motekey auth switch --org' takes an id, a guid or a name, and lets you search where none is given.",
    ],
  });
}
