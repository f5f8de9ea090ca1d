import { Command, Option } from "commander";
import { withAuthorityFolder, withProfileFlag } from "../../ca/flags.js";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withCloudFlag } from "../cloud-flag.js";
import { withGroupKeyFlags } from "../group-key-flags.js";
import type { CreateFlags } from "./flags.js";

/** The fields of its answer. */
export const CREATE_FIELDS = [
  "id",
  "state",
  "key_fingerprint",
  "next_key_fingerprint",
  "cert_fingerprint",
  "counter",
  "history",
  "created",
  "psk_file",
  "cert_file",
  "key_file",
  "done",
];

/** `motekey device create` */
export function createCommand(act: Act): Command {
  const command = new Command("create")
    .summary("register a device with the cloud")
    .description(
      "Makes a key of 256 random bits, writes it to a file for its owner only, and registers the device with the cloud. The same again changes nothing: whoever was cut off runs it once more.",
    )
    .option("--id <id>", "the device; without it one is made")
    .option(
      "-o, --out <file>",
      "where the key goes; a key that exists there is used (default: ID.psk, ID.key)",
    )
    .option("--cert <type>", "a certificate instead of a shared key: ec, rsa or ed25519")
    .option("--csr <file>", "the same for the key of this request, which the device made")
    .addOption(new Option("--psk <key>").hideHelp())
    .option("--dry-run", "say what would be done");
  withProfileFlag(command);
  withGroupKeyFlags(command);
  withAuthorityFolder(command).option(
    "--passphrase-file <file>",
    "what opens the CA's key; else the terminal asks",
  );
  withCloudFlag(command);
  act<CreateFlags>(command, async () => (await import("./run.js")).create);
  withFields(command, CREATE_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device create --id device_123", "Its key goes to device_123.psk"],
      ["motekey device create --id device_123 --cert rsa", "Its certificate goes to device_123.crt"],
      ["motekey device image --id device_123 --psk-file device_123.psk --out nvs.bin", "Then make its image"],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
    notes: [
      "It needs a login whose role is admin or developer, with the scope devices:provision, for which 'motekey auth login' asks where the provider has it.",
      "With --cert the project's CA ('motekey ca') signs a new key: the key goes to ID.key, unsealed as the device needs it, and the certificate to ID.crt. With --csr the key never leaves the device. The cloud then takes this certificate of the device only. Moddable's TLS needs rsa, on both sides.",
      "With --group-key-file the key is derived from the device's id, and no file holds it: 'device image' derives it again.",
      "The key is in its file before the cloud has it. The file is all that proves the device: what is lost is revoked, and made anew.",
    ],
  });
}
