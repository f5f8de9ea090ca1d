import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withCloudFlag } from "../cloud-flag.js";
import { withKeyFlags } from "../key-flags.js";
import { withPortFlags } from "../port-flags.js";
import { withSealFlags } from "../seal-flags.js";
import type { VerifyFlags } from "./run.js";

/** The fields of its answer. */
export const VERIFY_FIELDS = [
  "source",
  "device",
  "key_fingerprint",
  "slots",
  "sealing",
  "counter",
  "cloud_state",
  "cloud_key_fingerprint",
  "cloud_counter",
  "problems",
  "verified",
];

/** `motekey device verify` */
export function verifyCommand(act: Act): Command {
  const command = new Command("verify")
    .summary("compare what a device holds with what the cloud knows")
    .description(
      "Reads a device's credential back, from the chip at a serial port or from an image, and compares it with the cloud's record: its id, the fingerprint of its key, and the counter that it begins above.",
    )
    .argument("[image]", "an NVS partition; without it the chip at the port is read")
    .option("--id <id>", "the device that it has to be");
  withPortFlags(command);
  withKeyFlags(command);
  withSealFlags(command);
  withCloudFlag(command);
  act<VerifyFlags>(command, async () => (await import("./run.js")).verify);
  withFields(command, VERIFY_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device verify --port /dev/ttyUSB0", "Will the cloud let this device in?"],
      ["motekey device verify nvs.bin --id device_123", "Is this image that device's?"],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
    notes: [
      "Exit: 0 when the cloud will let the device in, 1 when something differs. The key itself is neither shown nor sent.",
      "Nothing is written; the device restarts.",
    ],
  });
}
