import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { VerifyFlags } from "./verify/run.js";

/** The fields of its answer. */
export const VERIFY_FIELDS = ["file", "lines", "head", "intact", "broken_line", "broken_why", "torn_bytes"];

/** `motekey device audit` */
export function auditCommand(act: Act): Command {
  const command = new Command("audit").summary("logs of who did what").helpCommand(false);
  command.addCommand(verifyCommand(act));
  return withHelp(command, {
    examples: [["motekey device audit verify out/batch.jsonl", "Is the log as it was written?"]],
  });
}

function verifyCommand(act: Act): Command {
  const command = new Command("verify")
    .summary("is a log as it was written?")
    .description(
      "Follows the chain of hashes through an audit log, as 'device batch' and 'ca' write it, and names the line where it breaks.",
    )
    .argument("<file>", "the log")
    .option("--head <hash>", "the hash of the last line, as it was noted elsewhere");
  act<VerifyFlags>(command, async () => (await import("./verify/run.js")).verifyLog);
  withFields(command, VERIFY_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device audit verify out/batch.jsonl", "Was a line changed, added or removed?"],
      ["motekey device audit verify out/batch.jsonl --head 9f2c…", "And is its end still there?"],
    ],
    notes: [
      "Exit: 0 when the chain is whole, 1 when it breaks.",
      "Each line has the SHA-256 of what stands before its own hash, the hash of the line before included. Lines that are missing at the end break no chain: note the hash that 'device batch' prints where nobody can change it, and give it as --head. Whoever may write the file can also make a whole new chain; against them, too, the noted hash is what helps.",
    ],
  });
}
