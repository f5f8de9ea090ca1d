/**
 * How far a batch has come: its audit log, of which each line is on the disk before anybody is told of it. The keys come
 * from a secret and the id, so that a device that is made again after a cut is the same device with the same key.
 */
import { AuditLog } from "../../audit/log.js";
import { Failure, printable } from "../../cli/failure.js";
import type { Wanted } from "./devices.js";
import type { BatchFolder } from "./folder.js";

/** What a batch is made of: with anything else it is another batch. */
export interface Terms {
  /** SHA-256 of the list of devices. */
  readonly list: string;
  readonly devices: number;
  /** What the secret is known by that the keys come from. */
  readonly key_source: string;
  readonly size: number;
  readonly encrypted: boolean;
  readonly recipients: readonly string[];
}

/** What became of a device. */
export type Made =
  | {
      readonly did: "made" | "made again";
      readonly device: string;
      readonly key_fingerprint: string;
      readonly counter: number;
      readonly file: string;
      readonly sha256: string;
    }
  | { readonly did: "refused"; readonly device: string; readonly line: number; readonly why: string };

/** Where a run begins. */
export interface Resumed {
  readonly terms: Terms | null;
  /** How many devices of the list it has come past, from its beginning. */
  readonly count: number;
  readonly refused: number;
  readonly isFinished: boolean;
  /** Devices whose files are gone, or are not as they were written. */
  readonly again: readonly Wanted[];
}

export class Journal {
  private constructor(
    private readonly log: AuditLog,
    readonly resumed: Resumed,
    private readonly by: string,
    private readonly now: () => number,
  ) {}

  /**
   * Opens or begins a folder's journal.
   * @param devices the list's, as far as they were made: those are taken off
   * @throws Failure where it is of another list, or broken
   */
  static async open(
    folder: BatchFolder,
    devices: AsyncGenerator<Wanted>,
    by: string,
    now: () => number,
  ): Promise<Journal> {
    let terms: Terms | null = null;
    let [count, refused, isFinished] = [0, 0, false];
    const again = new Map<string, Wanted>();
    const taken = new Map<string, Wanted>();
    const log = await AuditLog.open(folder.log, async (entry) => {
      const made = entry as unknown as Made;
      if (entry.did === "began") terms = (entry as unknown as { terms: Terms }).terms;
      else if (entry.did === "finished") isFinished = true;
      else if (entry.did === "made again") {
        const wanted = taken.get(made.device);
        if (wanted !== undefined && (await isAsWritten(folder, made))) again.delete(made.device);
      } else if (entry.did === "made" || entry.did === "refused") {
        const { value: wanted } = await devices.next();
        if (wanted?.id !== made.device)
          throw otherBatch(`its device ${printable(made.device, 128)} is not in the list in that place`);
        count++;
        if (entry.did === "refused") refused++;
        else if (!isFinished && !(await isAsWritten(folder, made))) {
          again.set(made.device, wanted);
          taken.set(made.device, wanted);
        }
      }
    });
    return new Journal(log, { terms, count, refused, isFinished, again: [...again.values()] }, by, now);
  }

  /** The hash of its last line. */
  get head(): string {
    return this.log.head;
  }

  /** The first line. @throws Failure where the folder has another batch */
  async begin(terms: Terms): Promise<void> {
    const known = this.resumed.terms;
    if (known === null) return this.append([{ did: "began", terms }]);
    const names = Object.keys(terms) as (keyof Terms)[];
    const other = names.find((name) => JSON.stringify(known[name]) !== JSON.stringify(terms[name]));
    if (other !== undefined) throw otherBatch(`it was begun with another ${other.replace("_", " ")}`);
  }

  /** Resolves when what became of devices is on the disk. */
  async append(entries: readonly (Made | { did: string; [name: string]: unknown })[]): Promise<void> {
    const at = new Date(this.now()).toISOString();
    await this.log.append(entries.map(({ did, ...rest }) => ({ at, by: this.by, did, ...rest })));
  }

  async close(): Promise<void> {
    await this.log.close();
  }
}

async function isAsWritten(folder: BatchFolder, made: Made): Promise<boolean> {
  return made.did === "refused" || (await folder.digestOf(made.file)) === made.sha256;
}

export const otherBatch = (why: string): Failure =>
  new Failure(
    "batch_other",
    `The folder holds another batch: ${why}.`,
    "Give the list, the key and the flags that it was begun with, or another --out.",
  );
