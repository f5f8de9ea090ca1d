import { Command, Option } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withCloudFlag } from "../cloud-flag.js";
import { withGroupKeyFlags } from "../group-key-flags.js";
import { withKeyFlags } from "../key-flags.js";
import { withPortFlags } from "../port-flags.js";
import { withSealFlags } from "../seal-flags.js";
import type { FlashFlags } from "./run.js";

/** The fields of its answer. */
export const FLASH_FIELDS = [
  "port",
  "chip",
  "mac",
  "partition",
  "offset",
  "bytes",
  "device",
  "key_fingerprint",
  "counter",
  "encrypted",
  "sealing",
  "used",
  "usable",
  "replaced",
  "changes",
  "md5",
  "written",
  "verified",
];

const each = (value: string, before: string[] = []): string[] => [...before, value];

/** `motekey device flash` */
export function flashCommand(act: Act): Command {
  const command = new Command("flash")
    .summary("write a device's credential into it over a serial port")
    .description(
      "Reads the NVS partition of the ESP32 at a serial port, puts the device's credential into both slots, writes it back, reads it again and compares it by MD5 and by bytes, and restarts the device. All else in the partition stays.",
    )
    .addOption(
      new Option("--format <name>", "what the device keeps its credential in")
        .choices(["nvs", "espruino"])
        .default("nvs"),
    )
    .requiredOption("--id <id>", "the device")
    .option("--psk-file <file>", "its pre-shared key; - reads it from standard input")
    .addOption(new Option("--psk <key>").hideHelp())
    .option(
      "--counter <number>",
      "the highest counter that the cloud has accepted of it; without it the cloud is asked, where one is named",
    )
    .option(
      "--set <namespace.key=type:value>",
      "a setting of the app's; may be repeated, and is no place for secrets",
      each,
    )
    .option("--settings <file>", "settings of the app's, one a line as for --set, such as its Wi-Fi password")
    .option("--replace", "keep nothing of what the partition holds")
    .option("--dry-run", "do all but write; the device restarts");
  withPortFlags(command);
  withGroupKeyFlags(command);
  withKeyFlags(command);
  withSealFlags(command);
  withCloudFlag(command);
  act<FlashFlags>(command, async () => (await import("./run.js")).flash);
  withFields(command, FLASH_FIELDS);
  return withHelp(command, {
    examples: [
      [
        "motekey device flash --port /dev/ttyUSB0 --id device_123 --psk-file device_123.psk",
        "The device at a port",
      ],
      [
        "motekey device flash --id device_123 --psk-file device_123.psk --cloud https://cloud.example.com",
        "The only board that is plugged in; its counter begins above the cloud's",
      ],
      [
        "motekey device flash --port 7CDFA1E0B2C4 --id device_123 --psk-file device_123.psk --dry-run",
        "What would be changed? Its port by the USB device's serial number",
      ],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
    notes: [
      "A chip whose secure boot, flash encryption or secure download mode is on is refused, and so is an image that 'device image' would refuse.",
      "While a partition is written over, what it held is in a file of the directory, motekey-MAC-LABEL.backup, for its owner only. A run that is cut leaves it, and the next one at the same chip goes on from it.",
      "A chip with a USB port of its own leaves when it is reset, and is found again by its serial number. Where no boot loader answers: hold BOOT, press RESET, release BOOT.",
      "With --format espruino it speaks to Espruino's prompt, without echo: it writes the records, compacts Storage so that nothing of what was replaced stays, and reads them back.",
      "The same again writes nothing, but for sealed records: each sealing is another.",
    ],
  });
}
