/**
 * Puts a device's credential into a partition of a chip whose flasher runs: read, merge, write, read back, compare,
 * restart. The command line, a batch onto boards and the bench's page all go this way.
 */
import { type EspChip, md5, type Progress } from "../../esp/chip.js";
import { type Difference, differences } from "../../nvs/diff.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { Partition, type Usage } from "../../nvs/partition.js";
import { hex } from "../../nvs/writer.js";
import { type Cover, type Identity, imageOf, provision } from "../provision.js";
import type { Place } from "./place.js";
import { writeVerified } from "./write.js";

/** What is to be in the partition. */
export interface Wanted {
  readonly identity: Identity;
  /** Writes the app's own settings. */
  readonly setIn: (partition: Partition) => void;
  readonly keys: NvsKeys | null;
  /** Seals its records; absent: they lie as they are. */
  readonly cover?: Cover;
}

/** A partition as it was read. */
export interface Held {
  /** As it lies in flash. */
  readonly stored: Buffer;
  /** What of it is kept: of a run that was cut, what the partition held before that. */
  readonly source: Buffer;
  readonly partition: Partition;
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
  /** Nothing of what the partition holds is kept. */
  readonly replaces: boolean;
  readonly isDryRun: boolean;
  note(text: string): void;
  readonly progress?: Progress;
}

/** What came of it. */
export interface Put extends Made {
  readonly isWritten: boolean;
  /** It was so before. */
  readonly isSame: boolean;
  readonly tookMs: number;
  /** Of the whole partition, in hex. */
  readonly md5: string;
}

/** What a partition would become; throws what no device could take, before one is touched. */
export const tried = (wanted: Wanted): Made => made(new Partition(TRIED_BYTES), { ...wanted, keys: null });
/** Moddable's default. */
const TRIED_BYTES = 0x6000;

/** Reads, merges, writes, compares and restarts. */
export async function putCredential(chip: EspChip, place: Place, wanted: Wanted, how: How): Promise<Put> {
  return putInto(chip, place, await readHeld(chip, place, wanted.keys, how), wanted, how);
}

/** Reads what the partition holds. */
export async function readHeld(chip: EspChip, place: Place, keys: NvsKeys | null, how: How): Promise<Held> {
  const { offset, size, label } = place.partition;
  const { backup, replaces, note } = how;
  note(`Reading ${label}: ${hex(size)} bytes at ${hex(offset)} …`);
  const stored = await chip.read(offset, size, steps(how, "Read"));
  const left = replaces ? null : await backup.left(size);
  if (left !== null) note(`A run at this chip was cut: what the partition held is taken from ${how.keptAs}.`);
  const source = left ?? stored;
  return { stored, source, partition: replaces ? new Partition(size) : Partition.read(source, keys) };
}

/** Writes it with the credential, unless it is so already, and restarts the chip. */
export async function putInto(
  chip: EspChip,
  place: Place,
  { stored, source, partition }: Held,
  wanted: Wanted,
  how: How,
): Promise<Put> {
  const { offset, size } = place.partition;
  const { backup, note } = how;
  const holdsValues = partition.items().next().done !== true;
  const image = made(partition, wanted);
  const isSame = stored.equals(image.bytes);
  const isWritten = !isSame && !how.isDryRun;
  let tookMs = 0;
  if (isWritten) {
    if (holdsValues) await backup.keep(source);
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

/** What the partition becomes. It is changed. */
function made(partition: Partition, { identity, setIn, keys, cover }: Wanted): Made {
  const before = Partition.read(partition.toBytes());
  setIn(partition);
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
