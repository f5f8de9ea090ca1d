import { createHash } from "node:crypto";
import type { Context } from "../../cli/act.js";
import { usage } from "../../cli/failure.js";
import { differences } from "../../nvs/diff.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { Partition } from "../../nvs/partition.js";
import { hex } from "../../nvs/writer.js";
import { type CertificateFlags, certificateOf } from "../certificate.js";
import { fileBytes, writeOwn } from "../files.js";
import { type PskFlags, pskOf } from "../group-key.js";
import type { KeyFlags } from "../key-flags.js";
import { keysOf } from "../keys.js";
import { imageOf, provision } from "../provision.js";
import { keyFingerprint } from "../record.js";
import { numberOf, type SettingFlags, setLine, settingsOf } from "../settings.js";

/** The flags of `motekey device image`. */
export interface ImageFlags extends KeyFlags, PskFlags, SettingFlags, CertificateFlags {
  readonly id: string;
  readonly psk?: string;
  readonly counter: string;
  readonly size: string;
  readonly merge?: string;
  readonly out: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** Makes a device's NVS partition, or puts its credential into the one it has. */
export async function image(context: Context, flags: ImageFlags): Promise<void> {
  const { system, output } = context;
  if (flags.psk !== undefined)
    throw usage(
      "A key on the command line can be read by everybody on this machine.",
      "Give --psk-file FILE, or - for standard input.",
    );
  const counter = numberOf("--counter", flags.counter);
  const keys = await keysOf(system, flags);
  const partition = await partitionOf(context, flags, keys);
  const before = Partition.read(partition.toBytes());
  const certificate = await certificateOf(system, flags);
  const proof = certificate === null ? { psk: await pskOf(system, flags.id, flags) } : { certificate };
  for (const line of await settingsOf(system, flags)) setLine(partition, line);
  const made = provision(partition, { id: flags.id, ...proof, counter });
  const { bytes, usage: room } = imageOf(partition, keys);
  keys?.wipe();
  const changes = differences(before, partition);
  if (flags.dryRun !== true) await writeOwn(system, flags.out, bytes, flags.force === true);
  const answer = {
    file: flags.out,
    device: flags.id,
    key_fingerprint: proof.psk === undefined ? null : keyFingerprint(proof.psk),
    counter: made.counter,
    bytes: bytes.length,
    encrypted: keys !== null,
    used: room.used,
    usable: room.usable,
    replaced: made.isReplaced,
    changes,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    written: flags.dryRun !== true,
  };
  output.answer(answer, textOf(answer));
  if (made.isReplaced)
    output.note("The partition had another credential: it is gone, with what was kept for it.");
  output.note(
    `Write all ${hex(bytes.length)} bytes to the partition; a part of them brings old values back.`,
  );
}

function textOf(answer: {
  file: string;
  device: string;
  key_fingerprint: string | null;
  counter: number;
  bytes: number;
  encrypted: boolean;
  used: number;
  usable: number;
  written: boolean;
}): string {
  const percent = Math.round((answer.used * 100) / answer.usable);
  const rows = [
    [
      "Image",
      `${answer.file}${answer.written ? "" : " (not written)"}, ${hex(answer.bytes)} bytes${answer.encrypted ? ", encrypted" : ""}`,
    ],
    ["Device", answer.device],
    ["Key", answer.key_fingerprint === null ? "a certificate's" : `fingerprint ${answer.key_fingerprint}`],
    ["Counter", `begins above ${answer.counter}`],
    ["Used", `${answer.used} of ${answer.usable} entries, ${percent}%`],
  ];
  return rows.map(([name = "", value]) => `${name.padEnd(9)}${value}`).join("\n");
}

async function partitionOf(context: Context, flags: ImageFlags, keys: NvsKeys | null): Promise<Partition> {
  if (flags.merge === undefined) return new Partition(numberOf("--size", flags.size));
  return Partition.read(await fileBytes(context.system, "--merge", flags.merge), keys);
}
