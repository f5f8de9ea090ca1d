import { Command } from "commander";
import type { Act } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";

/** `motekey auth token` */
export function tokenCommand(act: Act): Command {
  const command = new Command("token")
    .summary("print a fresh access token")
    .description(
      "Prints an access token on a line of its own, refreshed first when it is over or nearly so.",
    );
  act<object>(command, async () => (await import("./run.js")).token);
  return withHelp(command, {
    examples: [
      ['curl -H "Authorization: Bearer $(motekey auth token)" https://api.example.com/', "Call an API"],
    ],
    notes: ["'motekey auth exec' gives a token to one program without showing it to a shell."],
  });
}
