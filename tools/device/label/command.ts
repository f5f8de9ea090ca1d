import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { LabelFlags } from "./run.js";

/** The fields of its answer. */
export const LABEL_FIELDS = ["files", "labels", "secret", "done"];

/** `motekey device label` */
export function labelCommand(act: Act): Command {
  const command = new Command("label")
    .summary("QR labels for the devices of a batch")
    .description(
      "Makes labels for the devices of a batch: sheets as PDF, or a PNG for each. A label has the device's id and its key's fingerprint, and no secret.",
    )
    .argument("<folder>", "the batch's folder, as 'device batch' made it")
    .option("-o, --out <file>", "a file for PDF, a folder for PNG (default: labels.pdf, labels)")
    .option("--png", "a PNG for each device instead of sheets")
    .option("--with-secret", "with each device's key in its code")
    .option("--force", "replace files")
    .option("--dry-run", "say what would be done");
  act<LabelFlags>(command, async () => (await import("./run.js")).label);
  withFields(command, LABEL_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device label lot-17", "Sheets of A4, 24 labels each, in labels.pdf"],
      ["motekey device label lot-17 --png --out codes", "codes/ID.png for each"],
    ],
    notes: [
      "A code says motekey:1:ID:FINGERPRINT, and with --with-secret :KEY behind it. Sheets are 3 × 8 labels of 70 × 37 mm; a file has at most 2,400, the next is labels-2.pdf.",
      "Who photographs a label with a secret has the device. Keys are taken from the images, so not from sealed ones; files are for their owner only.",
    ],
  });
}
