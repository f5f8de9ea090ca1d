import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { ImportFlags } from "./run.js";

/** The fields of its answer. */
export const IMPORT_FIELDS = ["entities"];

/** `motekey cloud import` */
export function importCommand(act: Act): Command {
  const command = new Command("import")
    .summary("take devices over into a service")
    .description(
      "Takes devices, users and backends with their keys and counters over into the auth service. Who is there already gets this key; counters never go back.",
    )
    .requiredOption("--from <path>", "the mock cloud's folder, or the file")
    .option("--settings <file>", "the service's settings")
    .option("--folder <path>", "where its state is kept");
  act<ImportFlags>(command, async () => (await import("./run.js")).importDevices);
  withFields(command, IMPORT_FIELDS);
  return withHelp(command, {
    examples: [["motekey cloud import --from cloud --folder state", "From a mock cloud"]],
    notes: ["End the mock cloud before: its file is locked while it runs."],
  });
}
