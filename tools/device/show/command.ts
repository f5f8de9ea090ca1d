import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { type CloudFlags, withCloudFlag } from "../cloud-flag.js";
import { LIST_FIELDS } from "../list/command.js";

/** `motekey device show` */
export function showCommand(act: Act): Command {
  const command = new Command("show")
    .summary("show what the cloud knows of a device")
    .description("Shows a device's state, its counter, its key's fingerprint, and who did what to it.")
    .argument("<id>", "the device");
  withCloudFlag(command);
  act<CloudFlags>(command, async () => (await import("./run.js")).show);
  withFields(command, LIST_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device show device_123", "What does the cloud know of it?"],
      ["motekey device show device_123 --json=counter", "Above which counter must it begin?"],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
  });
}
