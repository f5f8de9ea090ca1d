import { Command } from "commander";
import { type Act, withFields } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import { withCloudFlag } from "../device/cloud-flag.js";
import type { CreateCaFlags } from "./create/run.js";
import { type AuthorityFlags, withAuthorityFlags, withAuthorityFolder, withProfileFlag } from "./flags.js";
import type { RevokeCaFlags } from "./revoke/run.js";
import type { SignFlags } from "./sign/run.js";

const SHOWN = [
  "ca",
  "name",
  "key_type",
  "not_after",
  "fingerprint",
  "signed",
  "good",
  "revoked",
  "ledger_head",
];
const CRL_FIELDS = ["revoked", "crl", "done"];
const each = (value: string, before: string[] = []): string[] => [...before, value];

/** `motekey ca …` */
export function caCommand(act: Act): Command {
  const command = new Command("ca")
    .summary("a project's certificate authority")
    .description("Makes a certificate authority, signs what devices ask for, and takes it back.")
    .helpCommand(false);
  for (const make of [createCommand, showCommand, signCommand, revokeCommand, crlCommand])
    command.addCommand(make(act));
  return withHelp(command, {
    examples: [
      ['motekey ca create --name "Acme devices"', "In the folder ca; asks for a passphrase"],
      ["motekey ca sign --csr device.csr --id device_123", "Its certificate goes to device_123.crt"],
      ["motekey ca revoke device_123", "Take its certificates back"],
    ],
  });
}

function createCommand(act: Act): Command {
  const command = new Command("create")
    .summary("make an authority")
    .description(
      "Makes a key and a certificate that signs with it. The key is sealed with age: by a passphrase, or for recipients.",
    )
    .requiredOption("--name <name>", "what it is called")
    .option("--key-type <type>", "ec, rsa or ed25519; Moddable's TLS takes rsa only", "ec")
    .option("--days <number>", "how long it is good", "3650")
    .option("--recipient <age1…>", "seal its key for this age recipient; may be repeated", each)
    .option("--recipients-file <file>", "the same for each line of a file")
    .option("--dry-run", "say what would be done");
  withAuthorityFolder(command).option(
    "--passphrase-file <file>",
    "the passphrase; without it the terminal asks",
  );
  act<CreateCaFlags>(command, async () => (await import("./create/run.js")).createCa);
  withFields(command, [...SHOWN, "done"]);
  return withHelp(command, {
    examples: [
      ['motekey ca create --name "Acme devices"', "Asks for a passphrase"],
      ['motekey ca create --name "Acme devices" --recipient age1…', "For who has the identity"],
    ],
    notes: [
      "The folder holds ca.pem, the key in ca.key.age, ca.crl.pem, and ledger.jsonl, an audit log of what was signed and taken back ('motekey device audit verify' checks it). Back up all of it, and keep the passphrase or the identity elsewhere: without the key no device gets another certificate, and who has both can make devices.",
    ],
  });
}

function showCommand(act: Act): Command {
  const command = new Command("show")
    .summary("show an authority, and the certificates that are good")
    .description("Shows an authority's name, its end, and the certificates that are good. It needs no key.");
  withAuthorityFolder(command);
  act<AuthorityFlags>(command, async () => (await import("./show/run.js")).showCa);
  withFields(command, [...SHOWN, "certificates"]);
  return withHelp(command, { examples: [["motekey ca show", "What did it sign?"]] });
}

function signCommand(act: Act): Command {
  const command = new Command("sign")
    .summary("sign a device's certificate")
    .description(
      "Signs the key of a certificate request for a device. Of the request nothing else is taken: its name is --id.",
    )
    .requiredOption("--csr <file>", "the request (PKCS #10), PEM or DER")
    .requiredOption("--id <id>", "the device, which is the certificate's common name")
    .option("-o, --out <file>", "where the certificate goes (default: ID.crt)")
    .option("--force", "replace the file")
    .option("--certify", "have the cloud take this certificate of the device, and no longer the one before")
    .option("--dry-run", "say what would be done");
  withProfileFlag(command);
  withAuthorityFlags(command);
  withCloudFlag(command);
  act<SignFlags>(command, async () => (await import("./sign/run.js")).signRequest);
  withFields(command, ["device", "serial", "fingerprint", "not_after", "file", "certified", "done"]);
  return withHelp(command, {
    examples: [
      ["motekey ca sign --csr device.csr --id device_123", "A device's first certificate"],
      [
        "motekey ca sign --csr new.csr --id device_123 --force --certify",
        "The next one, which the cloud takes from now on",
      ],
    ],
    variables: [["MOTEKEY_CLOUD", "the cloud's HTTP address"]],
    notes: [
      "Certificates are for clients: no CA, digitalSignature, clientAuth. A renewal is a second certificate for the same id; the first stays good until its end, unless 'motekey ca revoke' takes it back.",
    ],
  });
}

function revokeCommand(act: Act): Command {
  const command = new Command("revoke")
    .summary("take certificates back")
    .description(
      "Takes a device's certificates back, or one by its serial number, and writes ca.crl.pem anew.",
    )
    .argument("<id|serial>", "whose, or which")
    .option("--dry-run", "say what would be done");
  withAuthorityFlags(command);
  act<RevokeCaFlags>(command, async () => (await import("./revoke/run.js")).revokeCertificates);
  withFields(command, CRL_FIELDS);
  return withHelp(command, {
    examples: [["motekey ca revoke device_123", "All that are good of a device"]],
    notes: [
      "A list is good for 30 days; 'motekey ca crl' makes the next one. Brokers read it when you reload them.",
    ],
  });
}

function crlCommand(act: Act): Command {
  const command = new Command("crl")
    .summary("make the list of revoked certificates anew")
    .description("Writes ca.crl.pem anew, for another 30 days.");
  withAuthorityFlags(command);
  act<AuthorityFlags>(command, async () => (await import("./crl/run.js")).renewCrl);
  withFields(command, CRL_FIELDS);
  return withHelp(command, { examples: [["motekey ca crl", "Before the list that brokers have ends"]] });
}
