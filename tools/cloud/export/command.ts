import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { ExportFlags } from "./run.js";

/** The fields of its answer. */
export const EXPORT_FIELDS = ["file", "entities"];

/** `motekey cloud export` */
export function exportCommand(act: Act): Command {
  const command = new Command("export")
    .summary("write a service's devices to a file")
    .description(
      "Writes all devices, users and backends of the auth service with their keys and counters to a new file, for its owner only.",
    )
    .requiredOption("-o, --out <file>", "the file; it is not overwritten if it exists")
    .option("--settings <file>", "the service's settings")
    .option("--folder <path>", "where its state is kept");
  act<ExportFlags>(command, async () => (await import("./run.js")).exportDevices);
  withFields(command, EXPORT_FIELDS);
  return withHelp(command, {
    examples: [["motekey cloud export --folder state --out devices.json", "All of them"]],
    notes: ["A folder is read while no service has it. The file holds every key."],
  });
}
