import { resolve } from "node:path";
import type { Context } from "../../cli/act.js";
import { Exit, printable, usage } from "../../cli/failure.js";
import { Progress } from "../../cli/progress.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { DEVICES_MAX, DeviceCloud } from "../cloud.js";
import type { CloudFlags } from "../cloud-flag.js";
import { fileBytes } from "../files.js";
import { groupKeyOf } from "../group-key.js";
import type { GroupKeyFlags } from "../group-key-flags.js";
import type { KeyFlags } from "../key-flags.js";
import { keysOf } from "../keys.js";
import { BAUD } from "../port-flags.js";
import { PskSource } from "../psk-source.js";
import { keyFingerprint } from "../record.js";
import { recipientsIn, type Sealer, sealerFor } from "../seal.js";
import type { SealSecret } from "../seal-key.js";
import { numberOf } from "../settings.js";
import { type Batch, type Counts, groupsOf } from "./batch.js";
import { type BoardsHow, BoardsRun } from "./boards.js";
import { type Certified, type CertifiedFlags, certifiedOf } from "./certified-flags.js";
import { checkAll } from "./check.js";
import { DevicesFile, Ids, type Wanted } from "./devices.js";
import { BatchFolder } from "./folder.js";
import { Images, ImagesRun } from "./images.js";
import { Journal, otherBatch } from "./journal.js";
import { type BatchSealFlags, sealingIn, sealSecretOf } from "./seal.js";

/** The flags of `motekey device batch`. */
export interface BatchFlags extends CloudFlags, KeyFlags, GroupKeyFlags, CertifiedFlags, BatchSealFlags {
  readonly out: string;
  readonly size?: string;
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
  readonly dryRun?: boolean;
  readonly jobs?: string;
  readonly port?: readonly string[];
  readonly once?: boolean;
  readonly reprovision?: boolean;
  readonly reassign?: readonly string[];
  readonly partition?: string;
  readonly table?: string;
  readonly chip?: string;
  readonly baud?: string;
}

/** The size of a partition, unless --size says otherwise: that of Moddable's and ESP-IDF's tables. */
const SIZE = "0x6000";

/** A key as long as any, for images that are made to see whether they can be. */
const PLACEHOLDER = "x".repeat(44);
/** A certificate and its key, both about as long as any. */
const CERTIFICATE = { cert: Buffer.alloc(1_100), key: Buffer.alloc(1_220), ca: null };

/** Makes the devices of a list: registers them, and writes an image for each. Goes on where another run stopped. */
export async function batch(context: Context, flags: BatchFlags, words: readonly string[]): Promise<number> {
  const { system, output } = context;
  const [name = ""] = words;
  const keys = await keysOf(system, flags);
  const seal = await sealSecretOf(system, flags);
  const boards = boardsOf(flags, keys, seal);
  const size = numberOf("--size", flags.size ?? SIZE);
  const certified = await certifiedOf(context, flags);
  const groupKey = certified === null ? await groupKeyOf(system, flags) : null;
  const sealer = await sealerOf(context, flags);
  const list = await DevicesFile.open(system, name, flags.sealByMac === true && boards === null);
  try {
    const images = new Images(list, size, keys, sealer, boards === null ? seal : null);
    const devices = await checked(context, list, images, certified);
    const cloud = await DeviceCloud.open(context, flags);
    if (flags.dryRun === true) return await rehearse(context, { list, devices, cloud, groupKey, flags });
    const folder = await BatchFolder.open(resolve(system.directory, flags.out));
    try {
      const rows = list.devices();
      const journal = await Journal.open(folder, rows, cloud.operator, system.now);
      try {
        const to = boards === null ? ("files" as const) : ("boards" as const);
        // A board's partition has its own size.
        const terms = {
          list: list.digest,
          to,
          devices,
          size: boards === null ? size : 0,
          encrypted: keys !== null,
          seal: seal?.source ?? "",
        };
        const source = certified === null ? (groupKey ?? (await seedOf(folder, journal))) : null;
        await journal.begin({
          ...terms,
          // A finished batch has no seed any more.
          key_source: certified?.source ?? source?.fingerprint ?? journal.resumed.terms?.key_source ?? "",
          recipients: sealer?.recipients ?? [],
        });
        const { count, refused, assigned, released } = journal.resumed;
        const before = count - refused - assigned.size - released.length;
        const counts = { made: 0, before, refused, checked: 0 };
        const progress = new Progress(output, system.now, "devices", devices, before + refused);
        const batch = { list, rows, cloud, folder, journal, devices, counts, progress };
        const run =
          certified !== null
            ? new (await import("./certified.js")).CertifiedRun(context, batch, images, certified)
            : boards === null
              ? new ImagesRun(context, batch, images, source)
              : new BoardsRun(context, batch, boards, source);
        return await toEnd(context, batch, run, flags);
      } finally {
        await journal.close();
      }
    } finally {
      await folder.close();
    }
  } finally {
    await certified?.authority.close();
    groupKey?.wipe();
    keys?.wipe();
    seal?.wipe();
    await list.close();
  }
}

/** Goes through the whole list before anything is made of it. Resolves to how many devices it has. */
async function checked(
  { system }: Context,
  list: DevicesFile,
  images: Images,
  certified: Certified | null,
): Promise<number> {
  const ids = new Ids(list.name);
  for await (const device of list.devices()) {
    ids.add(device);
    if (certified === null) images.image(device, { psk: PLACEHOLDER }, 0);
    else if ("keys" in certified.from) images.image(device, { certificate: CERTIFICATE }, 0);
    else await (await import("./certified.js")).checkRequest(system, certified.from.requests, device.id);
  }
  if (ids.count === 0) throw usage(`${printable(list.name)} names no device.`, "Each has a line of its own.");
  return ids.count;
}

/** The run's secret; null: the batch is finished, and nobody has it any more. */
async function seedOf(folder: BatchFolder, { resumed }: Journal): Promise<PskSource | null> {
  const seed = await folder.seed();
  if (seed !== null) return PskSource.ofSeed(seed);
  if (resumed.isFinished) return null;
  if (resumed.terms === null) return PskSource.ofSeed(await folder.makeSeed());
  throw otherBatch("batch.seed is gone, from which its keys come, or a --group-key-file was given");
}

/** Says what would be done, and whether the cloud would have it. */
async function rehearse(
  { output }: Context,
  parts: {
    list: DevicesFile;
    devices: number;
    cloud: DeviceCloud;
    groupKey: PskSource | null;
    flags: BatchFlags;
  },
): Promise<number> {
  const { list, devices, cloud, groupKey, flags } = parts;
  let taken = 0;
  for await (const group of groupsOf(list.devices(), DEVICES_MAX))
    for (const [index, known] of (await cloud.check(group.map((one) => expected(one, groupKey)))).entries()) {
      if (known.state === "unknown" || (known.state === "active" && known.same_key)) continue;
      taken++;
      output.note(
        `${printable(list.name)}, line ${group[index]?.line}: the id ${known.id} is ${known.state === "revoked" ? "revoked" : "taken"}.`,
      );
    }
  output.answer(
    answerOf(
      list.name,
      flags,
      devices,
      { made: 0, before: 0, refused: taken, left: devices, checked: 0 },
      null,
    ),
    `Would make ${devices - taken} of ${devices} devices ${flags.jobs === undefined ? `into ${printable(flags.out)}` : "on boards"}.`,
  );
  return taken === 0 ? Exit.DONE : Exit.FAILED;
}

const expected = ({ id }: Wanted, source: PskSource | null) => ({
  id,
  key_fingerprint: source === null ? "" : keyFingerprint(source.pskOf(id)),
});

async function sealerOf({ system }: Context, flags: BatchFlags): Promise<Sealer | null> {
  const { recipient = [], recipientsFile: file } = flags;
  if (file === undefined) return recipient.length === 0 ? null : sealerFor(recipient);
  const text = (await fileBytes(system, "--recipients-file", file)).toString();
  return sealerFor([...recipient, ...recipientsIn(text)]);
}

/** The flags that say where boards are: without --jobs there are none. */
const BOARD_FLAGS = [
  "port",
  "once",
  "reprovision",
  "reassign",
  "partition",
  "table",
  "chip",
  "baud",
] as const;
/** Those of image files. */
const FILE_FLAGS = ["size", "recipient", "recipientsFile"] as const;
const JOBS_MAX = 64;

/** How boards are written; null: the batch is of image files. */
function boardsOf(flags: BatchFlags, keys: NvsKeys | null, seal: SealSecret | null): BoardsHow | null {
  const refuse = (names: readonly (keyof BatchFlags)[], why: string, next: string): void => {
    for (const name of names)
      if (flags[name] !== undefined) throw usage(`--${name.replace("File", "-file")} ${why}.`, next);
  };
  if (flags.jobs === undefined) {
    refuse(BOARD_FLAGS, "is for boards at serial ports", "Give --jobs with how many are written at a time.");
    return null;
  }
  refuse(FILE_FLAGS, "is for image files", "Leave it out, or --jobs: boards have a partition of their own.");
  const jobs = numberOf("--jobs", flags.jobs);
  if (jobs < 1 || jobs > JOBS_MAX) throw usage(`--jobs is 1 to ${JOBS_MAX}.`, "As many as there are ports.");
  return {
    jobs,
    ports: flags.port ?? [],
    isOnce: flags.once === true,
    reprovisions: flags.reprovision === true,
    reassigned: flags.reassign ?? [],
    tableAt: flags.table === undefined ? null : numberOf("--table", flags.table),
    label: flags.partition ?? null,
    chip: flags.chip,
    baudRate: numberOf("--baud", flags.baud ?? BAUD),
    keys,
    seal,
  };
}

/** Makes what is left of the batch, compares all of it with the cloud, and prints the outcome. */
async function toEnd(
  context: Context,
  batch: Batch,
  run: { makeAll(): Promise<void>; readonly left: number },
  flags: BatchFlags,
): Promise<number> {
  const { output } = context;
  const { folder, journal, list, devices, counts, progress } = batch;
  const { resumed } = journal;
  if (resumed.count > 0)
    output.note(
      resumed.isFinished
        ? `${devices} devices were made before.`
        : `${counts.before + counts.refused} of ${devices} devices were made before; going on.`,
    );
  try {
    if (!resumed.isFinished) await run.makeAll();
  } finally {
    progress.end();
  }
  const { left } = run;
  const wrong = await checkAll(batch);
  if (!resumed.isFinished && left === 0)
    await journal.append([{ did: "finished", devices, refused: counts.refused }]);
  if (left === 0) await folder.wipeSeed();
  const { made, before, refused } = counts;
  for (const line of wrong) output.warn(line);
  const where = flags.jobs === undefined ? `in ${printable(flags.out)}` : "on boards";
  const others = [
    before === 0 ? "" : ` (${before} of them before)`,
    ", each once in the cloud",
    refused === 0 ? "" : `; ${refused} refused`,
    left === 0 ? "" : `; ${left} left`,
  ];
  output.answer(
    answerOf(list.name, flags, devices, { ...counts, left }, journal.head),
    `${made + before} devices ${where}${others.join("")}\nThe log's last hash is ${journal.head}`,
  );
  return wrong.length === 0 && refused === 0 && left === 0 ? Exit.DONE : Exit.FAILED;
}

/** The answer for programs. @param head null: nothing was done */
function answerOf(
  file: string,
  flags: BatchFlags,
  devices: number,
  { made, before, refused, left, checked }: Counts & { readonly left: number },
  head: string | null,
) {
  const done = head !== null && left === 0;
  const [folder, sealing] = [flags.out, sealingIn(flags)];
  return { file, folder, devices, made, before, refused, left, checked, sealing, log_head: head, done };
}
