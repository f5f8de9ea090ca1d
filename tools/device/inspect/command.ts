import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withKeyFlags } from "../key-flags.js";
import { withSealFlags } from "../seal-flags.js";
import type { InspectFlags } from "./run.js";

/** The fields of its answer. */
export const INSPECT_FIELDS = [
  "file",
  "bytes",
  "encrypted",
  "version",
  "used",
  "usable",
  "pages",
  "values",
  "findings",
  "differences",
];

/** `motekey device inspect` */
export function inspectCommand(act: Act): Command {
  const command = new Command("inspect")
    .summary("show what an NVS partition holds")
    .description(
      "Prints an NVS partition of ESP-IDF as a table: numbers as they are, keys, tokens and all else as fingerprints. What is damaged is named, with its page and entry.",
    )
    .argument("<file>", "the partition as it was read from a device, or made here")
    .option("--against <file>", "another one: what differs between them, from it to this");
  withKeyFlags(command);
  withSealFlags(command);
  act<InspectFlags>(command, async () => (await import("./run.js")).inspect);
  withFields(command, INSPECT_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device inspect nvs.bin", "What is in it?"],
      ["motekey device inspect nvs.bin --against read.bin", "What was changed?"],
      ["motekey device inspect nvs.bin --keys-file keys.bin", "An encrypted one"],
      ["motekey device inspect nvs.bin --seal-secret-file efuse.key", "Sealed records, opened"],
    ],
    notes: [
      "Exit: 0 when all can be read, 1 when something is damaged. What ESP-IDF tidies up by itself at its next start, such as a write that was cut, is a note and no damage. With --seal-secret-file a record that it does not open is damage, with the status that the device would have.",
      'A key\'s fingerprint is the first 8 bytes of HMAC-SHA-256(key, "motekey/fingerprint"), in hex. Other strings and blobs have the first 4 bytes of their SHA-256: enough to see whether two are the same, and to try out guesses at a short password. Do not publish them.',
    ],
  });
}
