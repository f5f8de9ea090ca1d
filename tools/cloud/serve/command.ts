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
      "Runs a replica of the auth service until SIGTERM or Ctrl-C, and then answers what it has in hand. Its state is in a folder (PostgreSQL inside this process) or in PostgreSQL, which any number of replicas share.",
    )
    .option("--settings <file>", "its settings, as JSON (MOTEKEY_SERVICE_SETTINGS)")
    .option("--folder <path>", "where its state is kept, in place of the settings' database")
    .option("--check", "say what is wrong, and start nothing")
    .option("--restored", "the database was put back from a backup: nothing given since is good; once");
  act<ServeFlags>(command, async () => (await import("./run.js")).serve);
  withFields(command, SERVE_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey cloud serve --folder /var/lib/motekey", "On one machine, with nothing else installed"],
      ["motekey cloud serve --settings service.json", "As the file says"],
      ["motekey cloud serve --settings service.json --check", "Look for what is wrong first"],
    ],
    notes: [
      "Each setting of the file has a variable that goes before it; docs/service.schema.json has all settings, docs/service.md how to run it.",
      "It logs one object of JSON per line on stderr, without a secret; --quiet leaves that out.",
    ],
  });
}
