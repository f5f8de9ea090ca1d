import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { ServeFlags } from "./run.js";

/** The fields of its answer, which is printed when all of it listens; with --check those of the check. */
export const SERVE_FIELDS = ["mqtt", "http", "ws", "rpc", "findings"];

/** `motekey cloud serve` */
export function serveCommand(act: Act): Command {
  const command = new Command("serve")
    .summary("run the auth service for production")
    .description(
      "Runs a replica of the auth service until SIGTERM or Ctrl-C. Its state is in a folder, or in PostgreSQL, which any number of replicas share.",
    )
    .option("--settings <file>", "its settings, as JSON (MOTEKEY_SERVICE_SETTINGS)")
    .option("--folder <path>", "where its state is kept")
    .option("--check", "say what is wrong, and start nothing")
    .option("--restored", "the database was put back from a backup; once");
  act<ServeFlags>(command, async () => (await import("./run.js")).serve);
  withFields(command, SERVE_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey cloud serve --folder /var/lib/motekey", "On one machine"],
      ["motekey cloud serve --settings service.json", "As the file says"],
    ],
    notes: [
      "docs/service.md says how to run it, docs/service.schema.json has all settings.",
      "It logs JSON, a line for each event, on stderr; --quiet does not.",
    ],
  });
}
