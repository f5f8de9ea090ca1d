/** A batch as image files: groups of devices, registered, written and journalled together. */
import { createHash } from "node:crypto";
import type { Context } from "../../cli/act.js";
import { interrupted } from "../../cli/prompt.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { Partition } from "../../nvs/partition.js";
import type { Registered } from "../cloud.js";
import { type Identity, imageOf, provision } from "../provision.js";
import type { PskSource } from "../psk-source.js";
import type { Sealer } from "../seal.js";
import { type SealSecret, shelfOf } from "../seal-key.js";
import { type Batch, groupsOf, refusal, registered } from "./batch.js";
import type { DevicesFile, Wanted } from "./devices.js";
import type { Output } from "./folder.js";
import type { Made } from "./journal.js";

const GROUP = 128;

/** Makes images. */
export class Images {
  constructor(
    private readonly list: DevicesFile,
    private readonly size: number,
    private readonly keys: NvsKeys | null,
    private readonly sealer: Sealer | null,
    private readonly seal: SealSecret | null = null,
  ) {}

  /** @throws Failure that names the line whose settings do not fit */
  image(device: Wanted, proof: Pick<Identity, "psk" | "certificate">, counter: number): Buffer {
    const partition = new Partition(this.size);
    this.list.setIn(partition, device);
    return this.list.atLine(device.line, () => {
      const key = this.seal?.keyOf(device.mac) ?? null;
      provision(partition, { id: device.id, ...proof, counter }, (shelf) => shelfOf(shelf, key));
      return imageOf(partition, this.keys).bytes;
    });
  }

  /** The file of a device. */
  async output(
    device: Wanted,
    proof: Pick<Identity, "psk" | "certificate">,
    counter: number,
  ): Promise<Output> {
    const bytes = this.image(device, proof, counter);
    const name = `${device.id}.bin`;
    if (this.sealer === null) return { name, bytes };
    const sealed = await this.sealer.seal(bytes);
    bytes.fill(0);
    return { name: `${name}.age`, bytes: sealed };
  }
}

/** A device that is to be made, and its key. */
interface Making {
  readonly wanted: Wanted;
  readonly psk: string;
  readonly isAgain: boolean;
}

/** Makes every device of the list that is not made yet. */
export class ImagesRun {
  constructor(
    private readonly context: Context,
    private readonly batch: Batch,
    private readonly images: Images,
    private readonly source: PskSource | null,
  ) {}

  /** A run that ends has made all. */
  readonly left = 0;

  async makeAll(): Promise<void> {
    const { source } = this;
    if (source === null) return;
    const { journal, cloud } = this.batch;
    const again = journal.resumed.again.map((wanted) => ({
      wanted,
      psk: source.pskOf(wanted.id),
      isAgain: true,
    }));
    // While a group is written, the next one is registered.
    let writing: Promise<void> = Promise.resolve();
    try {
      for await (const group of groupsOf(this.making(again, source), GROUP)) {
        const answers = await registered(
          cloud,
          group.map(({ wanted: { id }, psk }) => ({ id, psk })),
        );
        await writing;
        if (this.context.system.interrupted.aborted) throw interrupted();
        writing = this.finish(group, answers);
        writing.catch(() => undefined);
      }
    } finally {
      await writing;
    }
  }

  private async *making(again: readonly Making[], source: PskSource): AsyncGenerator<Making> {
    yield* again;
    for await (const wanted of this.batch.rows)
      yield { wanted, psk: source.pskOf(wanted.id), isAgain: false };
  }

  /** Writes a group's files, and then its lines. */
  private async finish(group: readonly Making[], answers: readonly Registered[]): Promise<void> {
    const { folder, journal, counts, progress } = this.batch;
    const { output } = this.context;
    const outputs: Output[] = [];
    const lines: Made[] = [];
    for (const [index, { wanted, psk, isAgain }] of group.entries()) {
      const answer = answers[index] as Registered;
      if ("error" in answer) {
        lines.push(refusal(this.batch, output.warn.bind(output), wanted, answer.error.message));
        continue;
      }
      const file = await this.images.output(wanted, { psk }, answer.counter);
      outputs.push(file);
      lines.push({
        did: isAgain ? "made again" : "made",
        device: wanted.id,
        key_fingerprint: answer.key_fingerprint,
        counter: answer.counter,
        file: file.name,
        sha256: createHash("sha256").update(file.bytes).digest("hex"),
      });
      if (!isAgain) counts.made++;
    }
    await folder.write(outputs);
    await journal.append(lines);
    const { made, before, refused } = counts;
    progress.tell(made + before + refused);
  }
}
