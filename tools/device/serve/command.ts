import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withCloudFlag } from "../cloud-flag.js";
import type { ServeFlags } from "./run.js";

/** The fields of its answer, which is printed when it listens. */
export const SERVE_FIELDS = ["url", "cloud"];

/** `motekey device serve` */
export function serveCommand(act: Act): Command {
  const command = new Command("serve")
    .summary("a web page for the bench: flashing, Wi-Fi and labels in the browser")
    .description(
      "Serves a page on this machine's loopback until Ctrl-C. It registers devices, flashes their credentials over Web Serial as 'device flash' does, gives them their Wi-Fi network by Improv, and prints their labels.",
    )
    .option("--http-port <number>", "the port that it listens on; 0 takes any", "8190");
  withCloudFlag(command);
  act<ServeFlags>(command, async () => (await import("./run.js")).serve);
  withFields(command, SERVE_FIELDS);
  return withHelp(command, {
    examples: [
      [
        "motekey device serve --cloud https://cloud.example.com",
        "Open the address that it prints in Chrome or Edge",
      ],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
    notes: [
      "The address holds a token: whoever has it registers devices in your name until Ctrl-C. It is printed, and given to no other program.",
      "A device's key is in the directory's file ID.psk, as 'device create' has it; the page has it for the device only. Register the same id again, and it is the same device.",
      "It speaks to boards at 115200 baud: a browser changes the speed by opening the port again, which resets many boards. Encrypted partitions and several NVS partitions are for 'device flash'.",
    ],
  });
}
