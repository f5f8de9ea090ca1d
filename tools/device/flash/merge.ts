/**
 * Puts a device's credential into a partition of a chip whose flasher runs: read, merge, write, read back, compare,
 * restart. The command line and the bench's page both go this way.
 */
import { type EspChip, md5, type Progress } from "../../esp/chip.js";
import { type Difference, differences } from "../../nvs/diff.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { Partition, type Usage } from "../../nvs/partition.js";
import { hex } from "../../nvs/writer.js";
import { type Cover, type Identity, imageOf, provision } from "../provision.js";
import { setLine } from "../setting-line.js";
import type { Place } from "./place.js";
import { writeVerified } from "./write.js";

/** What is to be in the partition. */
export interface Wanted {
  readonly identity: Identity;
  /** Settings of the app's own, each `namespace.key=type:value`. */
  readonly settings: readonly string[];
  readonly keys: NvsKeys | null;
  /** Seals its records; absent: they lie as they are. */
  readonly cover?: Cover;
}

/** What the partition is to hold, and what that changes. */
export interface Made {
  readonly bytes: Buffer;
  readonly usage: Usage;
  readonly counter: number;
  readonly isReplaced: boolean;
  readonly changes: readonly Difference[];
}

/** Keeps what a partition held while it is written over. */
export interface Keep {
  /** What a run that did not end left behind; null: there was none. */
  left(size: number): Promise<Buffer | null>;
  keep(bytes: Uint8Array): Promise<void>;
  remove(): Promise<void>;
}

/** How it is to be done, and who hears of it. */
export interface How {
  readonly backup: Keep;
  /** What was kept, for people. */
  readonly keptAs: string;
  readonly replace: boolean;
  readonly dryRun: boolean;
  note(text: string): void;
  readonly progress?: Progress;
}

/** What came of it. */
export interface Put extends Made {
  readonly isWritten: boolean;
  readonly isSame: boolean;
  readonly tookMs: number;
  readonly md5: string;
}

/** What a partition would become; throws what no device could take, before one is touched. */
export const tried = (wanted: Wanted): Made => made(new Partition(TRIED_BYTES), { ...wanted, keys: null });
/** Moddable's default. */
const TRIED_BYTES = 0x6000;

/** Reads, merges, writes, compares and restarts. */
export async function putCredential(chip: EspChip, place: Place, wanted: Wanted, how: How): Promise<Put> {
  const { offset, size, label } = place.partition;
  const { backup, note } = how;
  note(`Reading ${label}: ${hex(size)} bytes at ${hex(offset)} …`);
  const stored = await chip.read(offset, size, steps(how, "Read"));
  const left = how.replace ? null : await backup.left(size);
  if (left !== null) note(`A run at this chip was cut: what the partition held is taken from ${how.keptAs}.`);
  const before = how.replace ? new Partition(size) : Partition.read(left ?? stored, wanted.keys);
  const image = made(before, wanted);
  const isSame = stored.equals(image.bytes);
  const isWritten = !isSame && !how.dryRun;
  let tookMs = 0;
  if (isWritten) {
    if (before.items().next().done !== true) await backup.keep(left ?? stored);
    note(`Writing ${hex(size)} bytes …`);
    const began = performance.now();
    await writeVerified(chip, offset, image.bytes, {
      writing: steps(how, "Wrote"),
      again: (why) => note(`Writing it once more: ${why}.`),
    });
    tookMs = performance.now() - began;
  }
  if (isWritten || isSame) await backup.remove();
  await chip.restart();
  return { ...image, isWritten, isSame, tookMs, md5: md5(image.bytes).toString("hex") };
}

/** What the partition becomes. It is changed; `before` holds what it was. */
function made(partition: Partition, { identity, settings, keys, cover }: Wanted): Made {
  const before = Partition.read(partition.toBytes());
  for (const line of settings) setLine(partition, line);
  const { counter, isReplaced } = provision(partition, identity, cover);
  const { bytes, usage } = imageOf(partition, keys);
  return { bytes, usage, counter, isReplaced, changes: differences(before, partition) };
}

/** Says a quarter at a time how far a long transfer is. */
function steps({ note, progress }: How, did: string): Progress {
  let told = 0;
  return (done, total) => {
    progress?.(done, total);
    const quarter = Math.floor((done * 4) / total);
    if (total < LONG_BYTES || quarter === told) return;
    told = quarter;
    note(`${did} ${quarter * 25}%`);
  };
}

/** Below that a transfer takes a few seconds. */
const LONG_BYTES = 128 * 1024;
