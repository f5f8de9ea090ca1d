import { Command, Option } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { WifiFlags } from "./run.js";

/** The fields of its answer. */
export const WIFI_FIELDS = [
  "port",
  "name",
  "firmware",
  "version",
  "chip",
  "ssid",
  "joined",
  "url",
  "networks",
];

/** `motekey device wifi` */
export function wifiCommand(act: Act): Command {
  const command = new Command("wifi")
    .summary("give a device its Wi-Fi network over a serial port")
    .description(
      "Gives the running app at a serial port its Wi-Fi network by Improv Serial (improv-wifi.com), and waits until it has joined.",
    )
    .option(
      "-p, --port <path>",
      "the serial port, or the serial number of the USB device; without it the only one",
    )
    .option("--ssid <name>", "the network; without it those that the device sees are listed, and asked for")
    .option("--password-file <file>", "its password; - reads it from standard input; without it, it is asked")
    .addOption(new Option("--password <password>").hideHelp())
    .option("--open", "the network has no password")
    .option("--scan", "list the networks that the device sees, and change nothing")
    .option("--baud <rate>", "the speed of the line (default: 115200)");
  act<WifiFlags>(command, async () => (await import("./run.js")).wifi);
  withFields(command, WIFI_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device wifi --ssid factory", "The device at the only port; the password is asked"],
      [
        "motekey device wifi --port /dev/ttyUSB0 --ssid factory --password-file wifi.password",
        "Without a question",
      ],
      ["motekey device wifi --scan", "Which networks does the device see?"],
    ],
    notes: [
      "The device's app answers, not its boot loader: flash it first. firmware/examples/moddable/wifi is such an app, and so is what ESPHome, Tasmota or WLED build.",
      "The password goes to the device over the cable, and nowhere else.",
    ],
  });
}
