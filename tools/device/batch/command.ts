import { Command } from "commander";
import { withAuthorityFolder, withProfileFlag } from "../../ca/flags.js";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withCloudFlag } from "../cloud-flag.js";
import { withGroupKeyFlags } from "../group-key-flags.js";
import { withKeyFlags } from "../key-flags.js";
import { withPartitionFlags } from "../port-flags.js";
import type { BatchFlags } from "./run.js";
import { withBatchSealFlags } from "./seal.js";

/** The fields of its answer. */
export const BATCH_FIELDS = [
  ...[
    "file",
    "folder",
    "devices",
    "made",
    "before",
    "refused",
    "left",
    "checked",
    "sealing",
    "log_head",
    "done",
  ],
];

const each = (value: string, before: string[] = []): string[] => [...before, value];

/** `motekey device batch` */
export function batchCommand(act: Act): Command {
  const command = new Command("batch")
    .summary("make the devices of a list")
    .description(
      "Registers the devices of a CSV file with the cloud and writes the image of each into a folder, or with --jobs the credential of each onto a board at a serial port. A run that was cut, at any moment, goes on when it is started again, and makes no second credential of any device.",
    )
    .argument("<file>", "the list: a column 'id', and settings of the app's as namespace.key:type")
    .requiredOption("-o, --out <folder>", "where images and the log go; each batch has a folder of its own")
    .option("--size <bytes>", "the size of each partition, as in the partition table (default: 0x6000)")
    .option("--recipient <age1…>", "seal each image for this age recipient; may be repeated", each)
    .option("--recipients-file <file>", "the same for each line of a file")
    .option("--jobs <number>", "write boards at serial ports, so many at a time, in place of image files")
    .option(
      "-p, --port <path>",
      "a board's serial port, or the serial number of its USB device; may be repeated; without it those of all USB devices",
      each,
    )
    .option("--once", "end when the boards that are plugged in are done with")
    .option("--reprovision", "take boards that are another device already")
    .option(
      "--reassign <id>",
      "give the next board a device whose board is broken and will not be shipped; may be repeated",
      each,
    )
    .option("--dry-run", "check the list, and with the cloud whether its ids are free; make nothing");
  command
    .option("--cert <type>", "a certificate for each in place of a shared key: ec, rsa or ed25519")
    .option("--csr-folder <folder>", "the same for the keys of the devices' requests, ID.csr each")
    .option("--cloud-ca-file <file>", "the authority that devices check the cloud's certificate against");
  withProfileFlag(command);
  withAuthorityFolder(command).option(
    "--passphrase-file <file>",
    "what opens the CA's key; else the terminal asks",
  );
  withPartitionFlags(command);
  withKeyFlags(command);
  withBatchSealFlags(command);
  withGroupKeyFlags(command);
  withCloudFlag(command);
  act<BatchFlags>(command, async () => (await import("./run.js")).batch);
  withFields(command, BATCH_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey device batch devices.csv --out lot-17", "Make them, or go on where it stopped"],
      ["motekey device batch devices.csv --out lot-17 --dry-run", "Is the list in order?"],
      [
        "motekey device batch devices.csv --out lot-17 --recipients-file line-2.txt",
        "Each image as ID.bin.age, which the bench cannot open",
      ],
      [
        "motekey device batch devices.csv --out lot-17 --cert rsa --identity-file ca-identity.txt",
        "Certificates, signed by the project's CA",
      ],
      [
        "motekey device batch devices.csv --out lot-17 --jobs 4",
        "Onto boards: plug them in, four at a time, and unplug those that are done",
      ],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
    notes: [
      "The list is CSV as RFC 4180 has it, in UTF-8, with a header. A column such as app.interval:u32 sets that key of each device whose cell is not empty. The whole list is checked before anything is made. With texts or bytes among its settings it must be its owner's alone, as every file with secrets.",
      "batch.jsonl in the folder is journal and audit log in one ('device audit verify'): a device's line is there when its image is on the disk and the cloud has its key. Note the hash that is printed at the end where nobody can change it.",
      "Keys come from batch.seed, 32 random bytes that are there while the batch is made and wiped at its end, or with --group-key-file from the group key. Whoever reads batch.seed meanwhile has all keys of the batch.",
      "With --jobs each board that comes gets the list's next device, written, read back and compared as by 'device flash'. Boards are known by their chips' addresses: a board that was cut gets the same device when it comes back, at any port, a finished board gets none, and a board of another device stays as it is. A port is looked at when it comes, and again when it was unplugged for 3 seconds; it ends when every device is on a board. Where adapters stay and boards change, give --once and start it for each set of boards.",
      "With --seal-secret-file the records are sealed as 'device image' and 'device flash' seal them; the secret is in no output. One key in the eFuses of all chips opens the records of all: where each chip has a key of its own, make its image with 'device image'.",
      "With --cert the project's CA ('motekey ca') signs a new key for each device: key and certificate are in its image, and nowhere else. With --csr-folder the certificates go to ID.crt. Each is in the CA's ledger, its file and the batch's journal before the cloud takes it; what a cut left signed is revoked at the end, in the CA's list. Devices with certificates take images, not --jobs.",
      "A board that was written and differs when it is read back keeps its device, so that no two boards have one: give --reassign once that board will not be shipped.",
      "What the cloud refuses, such as an id that is another device's, is named with its line, and the others are made; exit 1. At the end every device is compared with the cloud's record.",
    ],
  });
}
