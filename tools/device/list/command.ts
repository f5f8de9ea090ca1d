import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { type CloudFlags, withCloudFlag } from "../cloud-flag.js";

/** The fields of its answer, a list with one entry for each device. */
export const LIST_FIELDS = [
  "id",
  "state",
  "key_fingerprint",
  "next_key_fingerprint",
  "cert_fingerprint",
  "counter",
  "history",
];

/** `motekey device list` */
export function listCommand(act: Act): Command {
  const command = new Command("list")
    .alias("ls")
    .summary("list the cloud's devices")
    .description("Lists the devices that the cloud knows, in the order of their ids. No key is shown.");
  withCloudFlag(command);
  act<CloudFlags>(command, async () => (await import("./run.js")).list);
  withFields(command, LIST_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device list", "All devices"],
      ["motekey device ls --json=id,state", "For a program"],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
    notes: ["The counter is the highest that the cloud has accepted; 0: none yet."],
  });
}
