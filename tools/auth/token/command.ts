import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withAccount } from "../account-flag.js";

/** The fields of its answer. */
export const TOKEN_FIELDS = ["token", "expires_at", "account", "team"];

/** `motekey auth token` */
export function tokenCommand(act: Act): Command {
  const command = new Command("token")
    .summary("print a fresh access token")
    .description(
      "Prints an access token on a line of its own, refreshed first when it is over or nearly so.",
    );
  act<object>(withAccount(command), async () => (await import("./run.js")).token);
  withFields(command, TOKEN_FIELDS);
  return withHelp(command, {
    examples: [
      [
        `printf 'Authorization: Bearer %s' "$(motekey auth token)" | curl -H @- https://api.example.com/`,
        "Call an API, the token in no argument, which others on the machine would see",
      ],
    ],
    notes: ["'motekey auth exec' gives a token to one program without showing it to a shell."],
  });
}
