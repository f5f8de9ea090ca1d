import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { LogoutFlags } from "./run.js";

/** The fields of its answer, a list with one entry for each account. */
export const LOGOUT_FIELDS = ["account", "team", "result", "detail", "good_until"];

/** `motekey auth logout` */
export function logoutCommand(act: Act): Command {
  const command = new Command("logout")
    .alias("revoke")
    .summary("end logins")
    .description(
      "Ends the tokens at the identity provider (RFC 7009) and erases them here, also when the provider is out of reach. Without names the default account is logged out.",
    )
    .argument("[accounts...]", "accounts, as 'motekey auth list' names them")
    .option("--all", "all accounts; with --team those of the team")
    .option(
      "--clear",
      "erase the kept user name and password too, and what could not be ended at the provider",
    )
    .option("--force", "do not ask");
  act<LogoutFlags>(command, async () => (await import("./run.js")).logout);
  withFields(command, LOGOUT_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey auth logout", "Log the default account out"],
      ["motekey auth logout --force --clear", "Without a question, and forget the password"],
      ["motekey auth logout ann@example.com ci --force", "Log two accounts out"],
      ["motekey auth logout --all --json --force", "Log everybody out, for a program"],
    ],
    notes: [
      "'motekey auth logout --all --clear' also removes the key from the keychain. It works though the keychain is locked or lost the key: what could not be unsealed is then erased here, and not ended at the provider.",
      "A token that somebody wrote into the configuration file by hand (auth_token) goes before every login. 'motekey auth logout' removes it too, 'motekey auth logout auth_token' alone.",
      "The result of each account: revoked (ended at the provider and erased here), already (was not logged in; exit 1 where no such account is known), local-only (erased here; the provider could not be asked, or ends no tokens) or failed (still here; exit 1).",
      "What the provider could not be asked to end is kept, sealed, and tried again by the next logout of the account and by --all; without a keychain it is not kept. An access token that is a JWT stays good, for those who check its signature only, until its end, which is said (good_until).",
    ],
  });
}
