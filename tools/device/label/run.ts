import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readCredential } from "../../../firmware/index.js";
import { brokenAt, readLog } from "../../audit/log.js";
import type { Context } from "../../cli/act.js";
import { Failure, printable, usage } from "../../cli/failure.js";
import type { System } from "../../cli/system.js";
import { Partition } from "../../nvs/partition.js";
import { secretBytes, writeOwn } from "../files.js";
import { PartitionStore } from "../provision.js";
import { pdfOf, pngOf } from "./label.js";
import type { Label } from "./text.js";

/** The flags of `motekey device label`. */
export interface LabelFlags {
  readonly out?: string;
  readonly png?: boolean;
  readonly withSecret?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** Of one file of sheets: more would be slow to open, and all in memory. */
const LABELS_PER_FILE = 2_400;

/** Makes labels for the devices of a batch. */
export async function label(
  { system, output }: Context,
  flags: LabelFlags,
  words: readonly string[],
): Promise<void> {
  const [folder = ""] = words;
  const devices = await madeIn(system, folder);
  if (devices.length === 0)
    throw usage(`${printable(folder)} has no device yet.`, "Run 'motekey device batch' first.");
  const isPng = flags.png === true;
  const out = flags.out ?? (isPng ? "labels" : "labels.pdf");
  if (!isPng && !out.endsWith(".pdf"))
    throw usage("--out is no .pdf.", "Give labels.pdf, or --png and a folder.");
  const files: string[] = [];
  const write = async (file: string, bytes: () => Promise<Uint8Array>): Promise<void> => {
    files.push(file);
    if (flags.dryRun !== true) await writeOwn(system, file, await bytes(), flags.force === true);
  };
  if (isPng && flags.dryRun !== true)
    await mkdir(resolve(system.directory, out), { recursive: true, mode: 0o700 });
  const labels = (some: readonly Made[]) =>
    Promise.all(some.map((one) => labelOf(system, folder, one, flags)));
  if (isPng)
    for (const one of devices)
      await write(join(out, `${one.device}.png`), async () =>
        pngOf(await labelOf(system, folder, one, flags)),
      );
  else
    for (let from = 0; from < devices.length; from += LABELS_PER_FILE) {
      const number = from === 0 ? "" : `-${from / LABELS_PER_FILE + 1}`;
      const some = devices.slice(from, from + LABELS_PER_FILE);
      await write(out.replace(/\.pdf$/, `${number}.pdf`), async () => pdfOf(await labels(some)));
    }
  const isDone = flags.dryRun !== true;
  output.answer(
    { files, labels: devices.length, secret: flags.withSecret === true, done: isDone },
    `${isDone ? "Made" : "Would make"} ${devices.length} labels: ${files
      .slice(0, 3)
      .map((file) => printable(file))
      .join(", ")}${files.length > 3 ? ", …" : ""}`,
  );
}

/** A device of a batch's log. */
interface Made {
  readonly device: string;
  readonly key_fingerprint: string;
  readonly cert_fingerprint?: string;
  /** Of a device that is on a board there is none. */
  readonly file: string | undefined;
}

async function madeIn(system: System, folder: string): Promise<Made[]> {
  const path = resolve(system.directory, folder, "batch.jsonl");
  const devices: Made[] = [];
  const { broken } = await readLog(path, (entry) => {
    const { device, key_fingerprint, cert_fingerprint = "", file } = entry as unknown as Made;
    // Of a certificate as many bytes as of a key.
    const fingerprint = key_fingerprint || cert_fingerprint.replaceAll(":", "").slice(0, 16).toLowerCase();
    if (entry.did === "made") devices.push({ device, key_fingerprint: fingerprint, file });
  });
  if (broken !== null) throw brokenAt(path, broken);
  return devices;
}

async function labelOf(
  system: System,
  folder: string,
  { device, key_fingerprint, file }: Made,
  flags: LabelFlags,
): Promise<Label> {
  if (flags.withSecret === true && file === undefined)
    throw usage("The batch is on boards, and no file has their keys.", "Leave out --with-secret.");
  const psk = flags.withSecret === true ? await pskIn(system, join(folder, file ?? "")) : null;
  return { id: device, fingerprint: key_fingerprint, psk };
}

async function pskIn(system: System, file: string): Promise<string> {
  if (file.endsWith(".age"))
    throw usage(
      `${printable(file)} is sealed.`,
      "Labels with secrets are made where the images can be opened.",
    );
  const bytes = await secretBytes(system, "The image", file);
  const { credential } = readCredential(new PartitionStore(Partition.read(bytes)));
  bytes.fill(0);
  if (credential !== null && credential.psk.length > 0) return Buffer.from(credential.psk).toString();
  throw new Failure(
    "partition_unfit",
    `${printable(file)} holds no shared key.`,
    "A device with a certificate has none; else run 'motekey device batch' again.",
  );
}
