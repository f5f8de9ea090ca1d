import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withAccount } from "../account-flag.js";
import { STATUS_REASONS } from "./reasons.js";
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
  "reason",
  "detail",
  "settings",
];

/** `motekey auth status` */
export function statusCommand(act: Act): Command {
  const command = new Command("status")
    .summary("is the login good?")
    .description(
      "Asks the provider whether the login is good. A token that is over is refreshed first where it can be. Exit 0: authenticated, and the token is valid; 1: not so, or the provider could not be asked.",
    )
    .option("--offline", "ask nobody: trust the token's end and this machine's clock")
    .option("--explain", "also say where each setting came from");
  act<StatusFlags>(withAccount(command), async () => (await import("./run.js")).status);
  withFields(command, STATUS_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey auth status", "For people"],
      ["if motekey auth status --quiet; then ./deploy.sh; fi", "For scripts"],
      ["motekey auth status --json", "For programs"],
      ["motekey auth status --offline", "Without the network"],
      ["motekey auth status --explain", "Why this team, and why this provider?"],
    ],
    notes: [
      "'checked' says how: 'introspection' (RFC 7662) where the provider has it for this client, else 'userinfo', else 'signature' (the token is a JWT, signed by the provider's keys); 'clock' with --offline.",
      `'reason' is one of: ${Object.entries(STATUS_REASONS)
        .map(([reason, meaning]) => `${reason} (${meaning})`)
        .join(", ")}. 'detail' says more.`,
    ],
  });
}
