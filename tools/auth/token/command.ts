import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withAccount } from "../account-flag.js";
import { type AudienceFlags, withAudience } from "../audience-flag.js";

/** The fields of its answer. */
export const TOKEN_FIELDS = ["token", "expires_at", "account", "team", "audience"];

/** `motekey auth token` */
export function tokenCommand(act: Act): Command {
  const command = new Command("token")
    .summary("print a fresh access token")
    .description(
      "Prints an access token on a line of its own, refreshed first when it is over or nearly so.",
    );
  act<AudienceFlags>(withAudience(withAccount(command)), async () => (await import("./run.js")).token);
  withFields(command, TOKEN_FIELDS);
  return withHelp(command, {
    examples: [
      [
        `printf 'Authorization: Bearer %s' "$(motekey auth token)" | curl -H @- https://api.example.com/`,
        "Call an API, the token in no argument, which others on the machine would see",
      ],
      ["motekey auth token --audience https://api.example.com", "A token that is good at that API only"],
    ],
    notes: [
      "With --audience the provider is asked for a token that is good at one API only, by token exchange where it has that, else by a resource indicator; where it has neither, or answers with a token for another, that is an error. It is kept until it is over, beside the login's own token, which it never replaces, and ends with the login.",
      "'motekey auth exec' gives a token to one program without showing it to a shell.",
    ],
  });
}
