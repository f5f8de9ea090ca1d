import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { readLog } from "../../audit/log.js";
import type { Context } from "../../cli/act.js";
import { Exit, Failure, printable, usage } from "../../cli/failure.js";
import { Progress } from "../../cli/progress.js";
import { interrupted } from "../../cli/prompt.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { Partition } from "../../nvs/partition.js";
import { DEVICES_MAX, DeviceCloud, type Registered } from "../cloud.js";
import type { CloudFlags } from "../cloud-flag.js";
import { fileBytes } from "../files.js";
import { groupKeyOf } from "../group-key.js";
import type { GroupKeyFlags } from "../group-key-flags.js";
import type { KeyFlags } from "../key-flags.js";
import { keysOf } from "../keys.js";
import { imageOf, provision } from "../provision.js";
import { PskSource } from "../psk-source.js";
import { keyFingerprint } from "../record.js";
import { recipientsIn, type Sealer, sealerFor } from "../seal.js";
import { numberOf } from "../settings.js";
import { DevicesFile, Ids, type Wanted } from "./devices.js";
import { BatchFolder, type Output } from "./folder.js";
import { Journal, type Made, otherBatch } from "./journal.js";

/** The flags of `motekey device batch`. */
export interface BatchFlags extends CloudFlags, KeyFlags, GroupKeyFlags {
  readonly out: string;
  readonly size: string;
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
  readonly dryRun?: boolean;
}

/** Registered, written and journalled together. */
const GROUP = 128;
/** A key as long as any, for images that are made to see whether they can be. */
const PLACEHOLDER = "x".repeat(44);

/** Makes the devices of a list: registers them, and writes an image for each. Goes on where another run stopped. */
export async function batch(context: Context, flags: BatchFlags, words: readonly string[]): Promise<number> {
  const { system } = context;
  const [name = ""] = words;
  const size = numberOf("--size", flags.size);
  const keys = await keysOf(system, flags);
  const groupKey = await groupKeyOf(system, flags);
  const sealer = await sealerOf(context, flags);
  const list = await DevicesFile.open(system, name);
  try {
    const makes = new Images(list, size, keys, sealer);
    const devices = await checked(list, makes);
    const cloud = await DeviceCloud.open(context, flags);
    if (flags.dryRun === true) return await rehearse(context, { list, devices, cloud, groupKey, flags });
    const folder = await BatchFolder.open(resolve(system.directory, flags.out));
    try {
      const rows = list.devices();
      const journal = await Journal.open(folder, rows, cloud.operator, system.now);
      try {
        const terms = { list: list.digest, devices, size, encrypted: keys !== null };
        const source = groupKey ?? (await seedOf(folder, journal));
        await journal.begin({
          ...terms,
          // A finished batch has no seed any more.
          key_source: source?.fingerprint ?? journal.resumed.terms?.key_source ?? "",
          recipients: sealer?.recipients ?? [],
        });
        const run = new Run(context, { list, rows, makes, cloud, folder, journal, devices });
        return await run.toEnd(source, flags.out);
      } finally {
        await journal.close();
      }
    } finally {
      await folder.close();
    }
  } finally {
    groupKey?.wipe();
    keys?.wipe();
    await list.close();
  }
}

/** Goes through the whole list before anything is made of it. Resolves to how many devices it has. */
async function checked(list: DevicesFile, makes: Images): Promise<number> {
  const ids = new Ids(list.name);
  for await (const device of list.devices()) {
    ids.add(device);
    makes.image(device, PLACEHOLDER, 0);
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
    answerOf(list.name, flags.out, devices, { made: 0, before: 0, refused: taken, checked: 0 }, null),
    `Would make ${devices - taken} of ${devices} devices into ${printable(flags.out)}.`,
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

/** Makes images. */
class Images {
  constructor(
    private readonly list: DevicesFile,
    private readonly size: number,
    private readonly keys: NvsKeys | null,
    private readonly sealer: Sealer | null,
  ) {}

  /** @throws Failure that names the line whose settings do not fit */
  image(device: Wanted, psk: string, counter: number): Buffer {
    const partition = new Partition(this.size);
    this.list.setIn(partition, device);
    return this.list.atLine(device.line, () => {
      provision(partition, { id: device.id, psk, counter });
      return imageOf(partition, this.keys).bytes;
    });
  }

  /** The file of a device. */
  async output(device: Wanted, psk: string, counter: number): Promise<Output> {
    const bytes = this.image(device, psk, counter);
    const name = `${device.id}.bin`;
    if (this.sealer === null) return { name, bytes };
    const sealed = await this.sealer.seal(bytes);
    bytes.fill(0);
    return { name: `${name}.age`, bytes: sealed };
  }
}

/** What a run works with. */
interface Parts {
  readonly list: DevicesFile;
  /** Those that no run has come to yet. */
  readonly rows: AsyncGenerator<Wanted>;
  readonly makes: Images;
  readonly cloud: DeviceCloud;
  readonly folder: BatchFolder;
  readonly journal: Journal;
  readonly devices: number;
}

/** A device that is to be made, and its key. */
interface Making {
  readonly wanted: Wanted;
  readonly psk: string;
  readonly isAgain: boolean;
}

/** What a run came to. */
interface Counts {
  made: number;
  before: number;
  refused: number;
  checked: number;
}

class Run {
  private readonly counts: Counts;
  private readonly progress: Progress;

  constructor(
    private readonly context: Context,
    private readonly parts: Parts,
  ) {
    const { count, refused } = parts.journal.resumed;
    this.counts = { made: 0, before: count - refused, refused, checked: 0 };
    this.progress = new Progress(context.output, context.system.now, "devices", parts.devices, count);
  }

  async toEnd(source: PskSource | null, out: string): Promise<number> {
    const { folder, journal, list, devices } = this.parts;
    const { resumed } = journal;
    if (resumed.count > 0)
      this.context.output.note(
        resumed.isFinished
          ? `${devices} devices were made before.`
          : `${resumed.count} of ${devices} devices were made before; going on.`,
      );
    if (source !== null && !resumed.isFinished) await this.makeAll(source);
    this.progress.end();
    const wrong = await this.checkAll();
    if (!resumed.isFinished)
      await journal.append([{ did: "finished", devices, refused: this.counts.refused }]);
    await folder.wipeSeed();
    const { output } = this.context;
    const { made, before, refused } = this.counts;
    for (const line of wrong) output.warn(line);
    output.answer(
      answerOf(list.name, out, devices, this.counts, journal.head),
      `${made + before} devices in ${printable(out)}${before === 0 ? "" : ` (${before} of them before)`}, each once in the cloud${refused === 0 ? "" : `; ${refused} refused`}\nThe log's last hash is ${journal.head}`,
    );
    return wrong.length === 0 && refused === 0 ? Exit.DONE : Exit.FAILED;
  }

  private async makeAll(source: PskSource): Promise<void> {
    const { journal } = this.parts;
    const again = journal.resumed.again.map((wanted) => ({
      wanted,
      psk: source.pskOf(wanted.id),
      isAgain: true,
    }));
    // While a group is written, the next one is registered.
    let writing: Promise<void> = Promise.resolve();
    try {
      for await (const group of groupsOf(this.making(again, source), GROUP)) {
        const registered = await this.registered(group);
        await writing;
        if (this.context.system.interrupted.aborted) throw interrupted();
        writing = this.finish(group, registered);
        writing.catch(() => undefined);
      }
    } finally {
      await writing;
    }
  }

  private async *making(again: readonly Making[], source: PskSource): AsyncGenerator<Making> {
    yield* again;
    for await (const wanted of this.parts.rows)
      yield { wanted, psk: source.pskOf(wanted.id), isAgain: false };
  }

  private async registered(group: readonly Making[]): Promise<Registered[]> {
    const { cloud } = this.parts;
    const answers = await cloud.createMany(group.map(({ wanted: { id }, psk }) => ({ id, psk })));
    for (const [index, answer] of answers.entries())
      if (!("error" in answer) && answer.key_fingerprint !== keyFingerprint(group[index]?.psk ?? ""))
        throw new Failure(
          "cloud_invalid",
          `The cloud has another key of ${answer.id} than it was given.`,
          "Nothing was written for it.",
        );
    return answers;
  }

  /** Writes a group's files, and then its lines. */
  private async finish(group: readonly Making[], registered: readonly Registered[]): Promise<void> {
    const { folder, journal, makes } = this.parts;
    const outputs: Output[] = [];
    const lines: Made[] = [];
    for (const [index, { wanted, psk, isAgain }] of group.entries()) {
      const answer = registered[index] as Registered;
      if ("error" in answer) {
        lines.push(this.refused(wanted, answer.error.message));
        continue;
      }
      const file = await makes.output(wanted, psk, answer.counter);
      outputs.push(file);
      lines.push({
        did: isAgain ? "made again" : "made",
        device: wanted.id,
        key_fingerprint: answer.key_fingerprint,
        counter: answer.counter,
        file: file.name,
        sha256: createHash("sha256").update(file.bytes).digest("hex"),
      });
      if (!isAgain) this.counts.made++;
    }
    await folder.write(outputs);
    await journal.append(lines);
    const { made, before, refused } = this.counts;
    this.progress.tell(made + before + refused);
  }

  private refused({ id, line }: Wanted, why: string): Made {
    this.counts.refused++;
    this.context.output.warn(
      `${printable(this.parts.list.name)}, line ${line}: the cloud refuses ${id}: ${printable(why, 200)}.`,
    );
    return { did: "refused", device: id, line, why: printable(why, 200) };
  }

  /** Asks the cloud for every device of the log; what is not as it should be, in words. */
  private async checkAll(): Promise<string[]> {
    const { cloud, folder } = this.parts;
    const wrong: string[] = [];
    let group: { id: string; key_fingerprint: string }[] = [];
    const ask = async (): Promise<void> => {
      if (group.length === 0) return;
      for (const known of await cloud.check(group)) {
        if (known.state === "active" && known.same_key) this.counts.checked++;
        else if (known.state === "active") wrong.push(`The cloud has another key of ${known.id}.`);
        else wrong.push(`The cloud says that ${known.id} is ${known.state}.`);
      }
      group = [];
    };
    await readLog(folder.log, async (entry) => {
      if (entry.did !== "made") return;
      const { device, key_fingerprint } = entry as unknown as Extract<Made, { did: "made" | "made again" }>;
      group.push({ id: device, key_fingerprint });
      if (group.length === DEVICES_MAX) await ask();
    });
    await ask();
    return wrong;
  }
}

/** The answer for programs. @param head null: nothing was done */
function answerOf(file: string, folder: string, devices: number, counts: Counts, head: string | null) {
  return { file, folder, devices, ...counts, log_head: head, done: head !== null };
}

async function* groupsOf<T>(all: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const one of all) {
    group.push(one);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
