import { Command } from "commander";
import type { Act } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withAccount } from "../account-flag.js";
import { type AudienceFlags, withAudience } from "../audience-flag.js";

/** `motekey auth exec` */
export function execCommand(act: Act): Command {
  const command = new Command("exec")
    .summary("run a program with a fresh token")
    .usage("[options] -- <program> [arguments...]")
    .description(
      "Runs a program that finds a fresh access token in MOTEKEY_AUTH_TOKEN. Ends as the program ends.",
    )
    .argument("<program>", "what to run; it is found as a shell would find it, but no shell is used")
    .argument("[arguments...]", "its arguments; write -- before the program");
  act<AudienceFlags>(withAudience(withAccount(command)), async () => (await import("./run.js")).exec);
  return withHelp(command, {
    examples: [["motekey auth exec -- ./deploy.sh --all", "Give one program a token"]],
    notes: [
      "The program gets no other secret of this one: neither MOTEKEY_PASSWORD nor MOTEKEY_CLIENT_SECRET. Ended by a signal, its status is 128 and the signal's number.",
    ],
  });
}
