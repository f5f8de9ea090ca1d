import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withCloudFlag } from "../cloud-flag.js";
import { LIST_FIELDS } from "../list/command.js";
import type { RotateFlags } from "./run.js";

/** The fields of its answer. */
export const ROTATE_FIELDS = [...LIST_FIELDS, "changed"];

/** `motekey device rotate` */
export function rotateCommand(act: Act): Command {
  const command = new Command("rotate")
    .summary("give a device another key, over the air")
    .description(
      "Has the cloud make a device's next key. The device fetches it with its next token, and both keys are good until it has proved the new one.",
    )
    .argument("<id>", "the device")
    .option("--cancel", "take the next key back, before the device has proved it")
    .option("--dry-run", "say what would be done");
  withCloudFlag(command);
  act<RotateFlags>(command, async () => (await import("./run.js")).rotate);
  withFields(command, ROTATE_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device rotate device_123", "From its next token on the device fetches another key"],
      ["motekey device show device_123", "Has it? 'Rotated' says when; 'Next' is there until then"],
      ["motekey device rotate device_123 --cancel", "It keeps the key that it has"],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
    notes: [
      "Nobody sees the next key, and no file has it: the device's own key file is of no use once it has rotated.",
      "Devices rotate whose firmware has motekey/rotation; others go on with their key, and nothing is lost.",
    ],
  });
}
