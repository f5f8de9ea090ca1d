import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withAccount } from "../account-flag.js";
import type { RefreshFlags } from "./run.js";

/** The fields of its answer. */
export const REFRESH_FIELDS = ["account", "team", "expires_at", "scope"];

/** `motekey auth refresh` */
export function refreshCommand(act: Act): Command {
  const command = new Command("refresh")
    .summary("get a new access token now")
    .description("Gets a new access token now, though the one there is may be good.")
    .option("--scopes <scopes>", "what the new token shall be good for: some of what was granted at login");
  act<RefreshFlags>(withAccount(command), async () => (await import("./run.js")).refresh);
  withFields(command, REFRESH_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey auth refresh", "A new token"],
      ["motekey auth refresh --scopes 'openid email'", "One that can do less"],
    ],
    notes: ["For scopes that were not granted at login: 'motekey auth login --force --scopes …'."],
  });
}
