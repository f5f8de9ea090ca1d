import { createHash } from "node:crypto";
import type { Context } from "../../cli/act.js";
import { usage } from "../../cli/failure.js";
import { differences } from "../../nvs/diff.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { Partition } from "../../nvs/partition.js";
import { hex } from "../../nvs/writer.js";
import { certificateOf } from "../certificate.js";
import { fileBytes, writeOwn } from "../files.js";
import { pskOf } from "../group-key.js";
import { keysOf } from "../keys.js";
import { type Identity, imageOf, provision } from "../provision.js";
import { keyFingerprint } from "../record.js";
import { sealingOf, sealKeyOf, shelfOf } from "../seal-key.js";
import { linesIn } from "../setting-line.js";
import { numberOf, settingsOf } from "../settings.js";
import { secureCertImage, storageImage } from "./formats.js";
import type { ImageFlags, MadeImage } from "./made.js";

/** Makes a device's image, or puts its credential into the one it has. */
export async function image(context: Context, flags: ImageFlags): Promise<void> {
  const { system, output } = context;
  if (flags.psk !== undefined)
    throw usage(
      "A key on the command line can be read by everybody on this machine.",
      "Give --psk-file FILE, or - for standard input.",
    );
  checkFlags(flags);
  const certificate = await certificateOf(system, flags);
  const proof = certificate === null ? { psk: await pskOf(system, flags.id, flags) } : { certificate };
  const made = await madeBy(context, flags, {
    id: flags.id,
    ...proof,
    counter: numberOf("--counter", flags.counter),
  });
  const { bytes } = made;
  if (flags.dryRun !== true) await writeOwn(system, flags.out, bytes, flags.force === true);
  const answer = {
    file: flags.out,
    device: flags.id,
    key_fingerprint: proof.psk === undefined ? null : keyFingerprint(proof.psk),
    counter: made.counter,
    bytes: bytes.length,
    encrypted: made.isEncrypted,
    sealing: made.sealing,
    used: made.used,
    usable: made.usable,
    replaced: made.isReplaced,
    changes: made.changes,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    written: flags.dryRun !== true,
  };
  output.answer(answer, textOf(answer, made.unit));
  if (made.isReplaced) output.note("It had another credential: it is gone, with what was kept for it.");
  output.note(
    `Write all ${hex(bytes.length)} bytes to the partition; a part of them brings old values back.`,
  );
}

/** Flags that a format does not have would be ignored without a word. */
function checkFlags(flags: ImageFlags): void {
  const unused = (UNUSED[flags.format] ?? []).find((name) => flags[name] !== undefined);
  if (unused !== undefined)
    throw usage(`--format ${flags.format} has no ${flagOf(unused)}.`, "See 'motekey device image --help'.");
  if (flags.format === "esp-secure-cert" && flags.certFile === undefined)
    throw usage("--format esp-secure-cert needs --cert-file.", "And --key-file with it.");
}

const UNUSED: Partial<Record<ImageFlags["format"], (keyof ImageFlags)[]>> = {
  espruino: ["set", "settings", "keysFile", "hmacKeyFile", "certFile", "sealSecretFile", "sealMac"],
  "esp-secure-cert": ["merge", "set", "settings", "keysFile", "hmacKeyFile", "sealSecretFile", "sealMac"],
};

const flagOf = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function madeBy(context: Context, flags: ImageFlags, identity: Identity): Promise<MadeImage> {
  if (flags.format === "espruino") return storageImage(context, flags, identity);
  if (flags.format === "esp-secure-cert" && identity.certificate !== undefined)
    return Promise.resolve(secureCertImage(flags, identity.certificate));
  return nvsImage(context, flags, identity);
}

async function nvsImage(context: Context, flags: ImageFlags, identity: Identity): Promise<MadeImage> {
  const { system } = context;
  const keys = await keysOf(system, flags);
  const partition = await partitionOf(context, flags, keys);
  const before = Partition.read(partition.toBytes());
  linesIn(await settingsOf(system, flags))(partition);
  const seal = await sealKeyOf(system, flags);
  const { counter, isReplaced } = provision(partition, identity, (shelf) => shelfOf(shelf, seal));
  const { bytes, usage: room } = imageOf(partition, keys);
  keys?.wipe();
  return {
    ...{ bytes, counter, isReplaced, ...room, isEncrypted: keys !== null, unit: "entries" },
    sealing: sealingOf(seal),
    changes: differences(before, partition),
  };
}

function textOf(
  answer: {
    file: string;
    device: string;
    key_fingerprint: string | null;
    counter: number | null;
    bytes: number;
    encrypted: boolean;
    sealing: string | null;
    used: number;
    usable: number;
    written: boolean;
  },
  unit: string,
): string {
  const percent = Math.round((answer.used * 100) / answer.usable);
  const rows = [
    [
      "Image",
      `${answer.file}${answer.written ? "" : " (not written)"}, ${hex(answer.bytes)} bytes${answer.encrypted ? ", encrypted" : ""}${answer.sealing === null ? "" : `, ${answer.sealing}`}`,
    ],
    ["Device", answer.device],
    ["Key", answer.key_fingerprint === null ? "a certificate's" : `fingerprint ${answer.key_fingerprint}`],
    ...(answer.counter === null ? [] : [["Counter", `begins above ${answer.counter}`]]),
    ["Used", `${answer.used} of ${answer.usable} ${unit}, ${percent}%`],
  ];
  return rows.map(([name = "", value]) => `${name.padEnd(9)}${value}`).join("\n");
}

async function partitionOf(context: Context, flags: ImageFlags, keys: NvsKeys | null): Promise<Partition> {
  if (flags.merge === undefined) return new Partition(numberOf("--size", flags.size ?? "0x6000"));
  return Partition.read(await fileBytes(context.system, "--merge", flags.merge), keys);
}
