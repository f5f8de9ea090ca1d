import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { SwitchFlags } from "./run.js";

/** The fields of its answer. */
export const SWITCH_FIELDS = ["account", "team", "type", "organization"];

/** `motekey auth switch` */
export function switchCommand(act: Act): Command {
  const command = new Command("switch")
    .summary("choose the default account and organization")
    .description(
      "Chooses the account that commands use when none is named, and the organization it acts for. What no flag names is asked for on a terminal. A service account has no organization to choose.",
    )
    .option("--account <name>", "the account, as 'motekey auth list' names it")
    .option("--org <id|guid|name>", "the organization");
  act<SwitchFlags>(command, async () => (await import("./run.js")).switchAccount);
  withFields(command, SWITCH_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey auth switch", "Choose from lists"],
      ["motekey auth switch --account ann@example.com --org 'Acme Corp'", "Choose by name"],
      ["motekey auth switch --team acme", "Choose the team's default account"],
    ],
  });
}
