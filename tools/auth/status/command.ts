import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { StatusFlags } from "./run.js";

/** The fields of its answer. */
export const STATUS_FIELDS = [
  "authenticated",
  "email",
  "expires_at",
  "token_valid",
  "account",
  "team",
  "issuer",
  "source",
  "storage",
  "checked",
  "settings",
];

/** `motekey auth status` */
export function statusCommand(act: Act): Command {
  const command = new Command("status")
    .summary("is the login good?")
    .description(
      "Says whether the login is good. A token that is over is refreshed first where it can be. Exit 0: authenticated, and the token is valid; 1: not so.",
    )
    .option("--explain", "also say where each setting came from");
  act<StatusFlags>(command, async () => (await import("./run.js")).status);
  withFields(command, STATUS_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey auth status", "For people"],
      ["if motekey auth status --quiet; then ./deploy.sh; fi", "For scripts"],
      ["motekey auth status --json", "For programs"],
      ["motekey auth status --explain", "Why this team, and why this provider?"],
    ],
    notes: [
      "'checked' says who judged the token: 'provider' was asked; 'clock' when the provider is out of reach or has no user info, and only the token's end is known.",
    ],
  });
}
