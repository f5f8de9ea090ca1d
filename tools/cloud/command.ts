import { Command } from "commander";
import type { Act } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import { startCommand } from "./start/command.js";

/** `motekey cloud …` */
export function cloudCommand(act: Act): Command {
  const command = new Command("cloud")
    .summary("the mock cloud")
    .description("Runs a mock cloud on this machine, for tests and for trying things out.")
    .helpCommand(false);
  command.addCommand(startCommand(act));
  return withHelp(command, { examples: [["motekey cloud start", "Start it; Ctrl-C ends it"]] });
}
