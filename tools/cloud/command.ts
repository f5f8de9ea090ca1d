import { Command } from "commander";
import type { Act } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import { exportCommand } from "./export/command.js";
import { importCommand } from "./import/command.js";
import { serveCommand } from "./serve/command.js";
import { startCommand } from "./start/command.js";

/** `motekey cloud …` */
export function cloudCommand(act: Act): Command {
  const command = new Command("cloud")
    .summary("the mock cloud, and the auth service")
    .description("Runs a mock cloud for tests and for trying things out, or the auth service for production.")
    .helpCommand(false);
  command.addCommand(startCommand(act));
  for (const make of [serveCommand, importCommand, exportCommand]) command.addCommand(make(act));
  return withHelp(command, {
    examples: [
      ["motekey cloud start", "The mock, for tests; Ctrl-C ends it"],
      ["motekey cloud serve --settings service.json", "The auth service, for production"],
    ],
  });
}
