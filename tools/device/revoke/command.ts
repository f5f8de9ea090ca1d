import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withCloudFlag } from "../cloud-flag.js";
import { LIST_FIELDS } from "../list/command.js";
import type { RevokeFlags } from "./run.js";

/** The fields of its answer. */
export const REVOKE_FIELDS = [...LIST_FIELDS, "revoked"];

/** `motekey device revoke` */
export function revokeCommand(act: Act): Command {
  const command = new Command("revoke")
    .summary("bar a device for good")
    .description("Bars a device: its connection and its tokens end, and the cloud refuses it from now on.")
    .argument("<id>", "the device")
    .option("--force", "do not ask")
    .option("--dry-run", "say what would be done");
  withCloudFlag(command);
  act<RevokeFlags>(command, async () => (await import("./run.js")).revoke);
  withFields(command, REVOKE_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device revoke device_123", "Asks first"],
      ["motekey device revoke device_123 --force", "In a script"],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
    notes: ["A revoked id is not used again: a device that comes back needs a new one."],
  });
}
