import { Command, Option } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withGroupKeyFlags } from "../group-key-flags.js";
import { withKeyFlags } from "../key-flags.js";
import { withSealFlags } from "../seal-flags.js";
import type { ImageFlags } from "./made.js";

/** The fields of its answer. */
export const IMAGE_FIELDS = [
  "file",
  "device",
  "key_fingerprint",
  "counter",
  "bytes",
  "encrypted",
  "sealing",
  "used",
  "usable",
  "replaced",
  "changes",
  "sha256",
  "written",
];

const each = (value: string, before: string[] = []): string[] => [...before, value];

/** `motekey device image` */
export function imageCommand(act: Act): Command {
  const command = new Command("image")
    .summary("make a device's flash image, or put its credential into one")
    .description(
      "Makes the image of a device's NVS partition, as ESP-IDF and Moddable read it, with its credential in both slots. With --merge the partition that was read from the device keeps everything else that it holds. --format espruino makes Espruino's Storage instead, and --format esp-secure-cert Espressif's partition of certificates.",
    )
    .addOption(
      new Option("--format <name>", "what kind of image")
        .choices(["nvs", "espruino", "esp-secure-cert"])
        .default("nvs"),
    )
    .requiredOption("--id <id>", "the device")
    .option("--psk-file <file>", "its pre-shared key; - reads it from standard input")
    .option("--cert-file <file>", "its certificate instead, PEM, as 'device create --cert' makes it")
    .option("--key-file <file>", "the private key of that certificate, PEM")
    .option(
      "--cloud-ca-file <file>",
      "with them: the CA that the cloud's certificate is checked against, PEM",
    )
    .addOption(new Option("--psk <key>").hideHelp())
    .option(
      "--counter <number>",
      "the highest counter that the cloud has accepted of it; it begins above",
      "0",
    )
    .option(
      "--size <bytes>",
      "the partition's size, as in the partition table; with --merge that of the file (default: 0x6000; espruino 0xe0000, esp-secure-cert 0x2000)",
    )
    .option("--merge <file>", "the partition as it was read from the device")
    .option(
      "--set <namespace.key=type:value>",
      "a setting of the app's; may be repeated, and is no place for secrets",
      each,
    )
    .option("--settings <file>", "settings of the app's, one a line as for --set, such as its Wi-Fi password")
    .requiredOption("-o, --out <file>", "where the image goes, for its owner only")
    .option("--force", "replace the file")
    .option("--dry-run", "do all but write the file");
  withGroupKeyFlags(command);
  withKeyFlags(command);
  withSealFlags(command);
  act<ImageFlags>(command, async () => (await import("./run.js")).image);
  withFields(command, IMAGE_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device image --id device_123 --psk-file device_123.psk --out nvs.bin", "For a new device"],
      [
        "motekey device image --id device_123 --psk-file device_123.psk --counter 1217 --merge read.bin --out nvs.bin",
        "For a device whose partition holds other things too",
      ],
      [
        "motekey device image --id device_123 --psk-file - --set app.interval=u32:600 --out nvs.bin < device_123.psk",
        "With a setting of the app's own",
      ],
      [
        "motekey device image --id device_123 --psk-file device_123.psk --seal-secret-file efuse.key --out nvs.bin",
        "Sealed, for a chip with this HMAC key in its eFuses",
      ],
      [
        "motekey device image --format espruino --id device_123 --psk-file device_123.psk --out storage.bin",
        "Espruino's Storage on an ESP32: write it to 0x320000",
      ],
      [
        "motekey device image --format esp-secure-cert --id device_123 --cert-file device_123.crt --key-file device_123.key --cloud-ca-file ca.pem --out esp_secure_cert.bin",
        "Certificate and key for ESP-IDF's esp_secure_cert",
      ],
    ],
    notes: [
      "The image is the whole partition, and all of it must be written: behind a shorter one ESP-IDF finds the old pages, and may bring an old key back to life. It holds nothing of what was replaced.",
      "An image is refused that is below 0x3000 bytes, has no page free, would be more than three quarters full, or is encrypted where the device's partition is not, or the other way round. Of two keys that ESP-IDF takes for one it erases one at its start: these are refused too.",
      "Espruino's files have names of at most 28 characters, which it would cut without a word; none is empty. The image is as after compact(): nothing of a file that was replaced is in it.",
      "Values are written as u8:1, i32:-5, u64:7 (and the other numbers), string:text, hex:00ff or base64:AP8=.",
      "With --cert-file the namespace motekey-tls has certificate, key and CA as blobs, in DER: cert, key and ca. The app gives them to its TLS link, and the credential refuses anything weaker than a link that proves the device.",
      "A credential in flash can be read by whoever holds the device, unless the chip encrypts its flash or the record is sealed. The firmware opens sealed records with the same secret (motekey/seal); the secret is in no output. A build's secret and a MAC address obfuscate: who has the firmware can open the record.",
    ],
  });
}
