/** What a chip's NVS partition holds, and a credential put into it: read, merged, written, read back, compared. */
import { md5, type Progress } from "../../esp/chip.js";
import { type Difference, differences } from "../../nvs/diff.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { Partition, type Usage } from "../../nvs/partition.js";
import { hex } from "../../nvs/writer.js";
import { type Identity, imageOf, provision } from "../provision.js";
import type { Backup } from "./backup.js";
import type { Connected } from "./connect.js";
import type { Place } from "./place.js";
import { writeVerified } from "./write.js";

/** What is to be in a partition. */
export interface Wanted {
  readonly identity: Identity;
  /** Writes the app's own settings. */
  readonly setIn: (partition: Partition) => void;
  readonly keys: NvsKeys | null;
}

/** What a partition is to hold, and what that changes. */
export interface Made {
  readonly bytes: Buffer;
  readonly usage: Usage;
  readonly counter: number;
  readonly isReplaced: boolean;
  readonly changes: readonly Difference[];
}

/** A partition as it was read. */
export interface Held {
  /** As it lies in flash. */
  readonly stored: Buffer;
  /** What of it is kept: of a run that was cut, what the partition held before that. */
  readonly source: Buffer;
  readonly partition: Partition;
}

/** What putting a credential came to. */
export interface Put {
  readonly image: Made;
  readonly isWritten: boolean;
  /** It was so before. */
  readonly isSame: boolean;
  readonly tookMs: number;
  /** Of the whole partition, in hex. */
  readonly md5: string;
}

type Note = (text: string) => void;

/** Reads it. @param replaces nothing of what it holds is kept */
export async function readHeld(
  { chip }: Connected,
  { partition: { offset, size, label } }: Place,
  keys: NvsKeys | null,
  how: { readonly backup: Backup; readonly replaces: boolean; readonly note: Note },
): Promise<Held> {
  const { backup, replaces, note } = how;
  note(`Reading ${label}: ${hex(size)} bytes at ${hex(offset)} …`);
  const stored = await chip.read(offset, size, steps(note, "Read"));
  const left = replaces ? null : await backup.left(size);
  if (left !== null)
    note(`A run at this chip was cut: what the partition held is taken from ${backup.path}.`);
  const source = left ?? stored;
  return { stored, source, partition: replaces ? new Partition(size) : Partition.read(source, keys) };
}

/** Writes it with the credential, unless it is so already, and restarts the chip. */
export async function putInto(
  { chip }: Connected,
  { partition: { offset, size } }: Place,
  { stored, source, partition }: Held,
  wanted: Wanted,
  how: { readonly backup: Backup; readonly isDryRun: boolean; readonly note: Note },
): Promise<Put> {
  const { backup, isDryRun, note } = how;
  const holdsValues = partition.items().next().done !== true;
  const image = made(partition, wanted);
  const isSame = stored.equals(image.bytes);
  const isWritten = !isSame && !isDryRun;
  let tookMs = 0;
  if (isWritten) {
    if (holdsValues) await backup.keep(source);
    note(`Writing ${hex(size)} bytes …`);
    const began = performance.now();
    await writeVerified(chip, offset, image.bytes, {
      writing: steps(note, "Wrote"),
      again: (why) => note(`Writing it once more: ${why}.`),
    });
    tookMs = performance.now() - began;
  }
  if (isWritten || isSame) await backup.remove();
  await chip.restart();
  return { image, isWritten, isSame, tookMs, md5: md5(image.bytes).toString("hex") };
}

/** What the partition becomes. It is changed. */
export function made(partition: Partition, { identity, setIn, keys }: Wanted): Made {
  const before = Partition.read(partition.toBytes());
  setIn(partition);
  const { counter, isReplaced } = provision(partition, identity);
  const { bytes, usage } = imageOf(partition, keys);
  return { bytes, usage, counter, isReplaced, changes: differences(before, partition) };
}

/** Says a quarter at a time how far a long transfer is. */
function steps(note: Note, did: string): Progress {
  let told = 0;
  return (done, total) => {
    const quarter = Math.floor((done * 4) / total);
    if (total < LONG_BYTES || quarter === told) return;
    told = quarter;
    note(`${did} ${quarter * 25}%`);
  };
}

/** Below that a transfer takes a few seconds. */
const LONG_BYTES = 128 * 1024;
