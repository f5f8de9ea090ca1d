/**
 * How far a batch has come: its audit log, of which each line is on the disk before anybody hears of it. The keys come
 * from a secret and the id, so that a device that is made again after a cut is the same device with the same key.
 */
import type { Entry } from "../../audit/chain.js";
import { AuditLog } from "../../audit/log.js";
import { Failure, printable } from "../../cli/failure.js";
import type { Wanted } from "./devices.js";
import type { BatchFolder } from "./folder.js";

/** What a batch is made of: with anything else it is another batch. */
export interface Terms {
  /** SHA-256 of the list of devices. */
  readonly list: string;
  /** Image files, or the boards at serial ports. A log that does not say it is of files. */
  readonly to: "files" | "boards";
  readonly devices: number;
  /** What the secret is known by that the keys come from. */
  readonly key_source: string;
  readonly size: number;
  readonly encrypted: boolean;
  /** What the secret is known by that seals the records; empty, as in a log that does not say it: they lie as they are. */
  readonly seal: string;
  readonly recipients: readonly string[];
}

/** What became of a device. */
export type Made =
  | {
      readonly did: "made" | "made again";
      readonly device: string;
      /** Of its shared key; empty: it has a certificate. */
      readonly key_fingerprint: string;
      readonly cert_fingerprint?: string;
      readonly counter: number;
      readonly file: string;
      readonly sha256: string;
    }
  | { readonly did: "refused"; readonly device: string; readonly line: number; readonly why: string }
  | SignedFile;

/** A certificate that is in its file, before the cloud knows it. */
export interface SignedFile {
  readonly did: "signed";
  readonly device: string;
  readonly cert_fingerprint: string;
  readonly file: string;
  readonly sha256: string;
}

/** What became of a device's board, which is known by its chip's address. */
export type Boarded =
  /** Before anything is written to the board: from here on the device is no other board's. */
  | { readonly did: "assigned" | "released"; readonly device: string; readonly mac: string }
  | { readonly did: "failed"; readonly device: string; readonly mac: string; readonly why: string }
  /** It was written and compared. */
  | {
      readonly did: "made";
      readonly device: string;
      readonly key_fingerprint: string;
      readonly counter: number;
      readonly mac: string;
      readonly chip: string;
      readonly partition: string;
      readonly md5: string;
    };

/** Where a run begins. */
export interface Resumed {
  readonly terms: Terms | null;
  /** How many devices of the list it has come past, from its beginning. */
  readonly count: number;
  readonly refused: number;
  readonly isFinished: boolean;
  /** Devices whose files are gone, or are not as they were written. */
  readonly again: readonly Wanted[];
  /** The certificates that devices were given, the last one last. */
  readonly signed: Map<string, SignedFile[]>;
  /** Devices that were assigned to a board and are not on it yet, by the board's address. */
  readonly assigned: Map<string, Wanted>;
  /** Ids of the devices whose boards are made, by the boards' addresses. */
  readonly boards: Map<string, string>;
  /** Devices that were taken back from a board. */
  readonly released: Wanted[];
}

export class Journal {
  private written: Promise<void> = Promise.resolve();

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
    const replay = new Replay(folder, devices);
    const log = await AuditLog.open(folder.log, (entry) => replay.take(entry));
    return new Journal(log, replay.resumed, by, now);
  }

  /** The hash of its last line. */
  get head(): string {
    return this.log.head;
  }

  /** The first line. @throws Failure where the folder has another batch */
  async begin(terms: Terms): Promise<void> {
    if (this.resumed.terms === null) return this.append([{ did: "began", terms }]);
    const { to = "files", seal = "" }: Partial<Terms> = this.resumed.terms;
    const known: Terms = { ...this.resumed.terms, to, seal };
    const names = Object.keys(terms) as (keyof Terms)[];
    const other = names.find((name) => JSON.stringify(known[name]) !== JSON.stringify(terms[name]));
    if (other === "to") throw otherBatch(`it was begun for ${known.to}`);
    if (other !== undefined) throw otherBatch(`it was begun with another ${other.replace("_", " ")}`);
  }

  /** Resolves when what became of devices is on the disk. Lines are written in the order of the calls. */
  append(entries: readonly (Made | Boarded | { did: string; [name: string]: unknown })[]): Promise<void> {
    const at = new Date(this.now()).toISOString();
    const lines = entries.map(({ did, ...rest }) => ({ at, by: this.by, did, ...rest }));
    // Behind a write that failed nothing is written: the chain would break there.
    this.written = this.written.then(() => this.log.append(lines));
    this.written.catch(() => undefined);
    return this.written;
  }

  async close(): Promise<void> {
    await this.log.close();
  }
}

/** Goes through the lines of the runs before. */
class Replay {
  private terms: Terms | null = null;
  private count = 0;
  private refused = 0;
  private isFinished = false;
  private readonly again = new Map<string, Wanted>();
  private readonly taken = new Map<string, Wanted>();
  private readonly signed = new Map<string, SignedFile[]>();
  private readonly assigned = new Map<string, Wanted>();
  private readonly boards = new Map<string, string>();
  private readonly released = new Map<string, Wanted>();

  constructor(
    private readonly folder: BatchFolder,
    private readonly devices: AsyncGenerator<Wanted>,
  ) {}

  get resumed(): Resumed {
    const { terms, count, refused, isFinished, signed, assigned, boards } = this;
    const [again, released] = [[...this.again.values()], [...this.released.values()]];
    return { terms, count, refused, isFinished, again, signed, assigned, boards, released };
  }

  async take(entry: Entry): Promise<void> {
    const { did } = entry;
    if (did === "began") this.terms = (entry as unknown as { terms: Terms }).terms;
    else if (did === "finished") this.isFinished = true;
    else if (this.terms?.to === "boards" && did !== "refused")
      await this.takeBoard(entry as unknown as Boarded);
    else await this.takeFile(entry as unknown as Made);
  }

  private async takeFile(made: Made): Promise<void> {
    if (made.did === "made again") {
      const wanted = this.taken.get(made.device);
      if (wanted !== undefined && (await isAsWritten(this.folder, made))) this.again.delete(made.device);
    } else if (made.did === "signed") {
      this.signed.set(made.device, [...(this.signed.get(made.device) ?? []), made]);
    } else if (made.did === "made" || made.did === "refused") {
      const wanted = await this.next(made.device);
      if (made.did === "refused") this.refused++;
      else if (!this.isFinished && !(await isAsWritten(this.folder, made))) {
        this.again.set(made.device, wanted);
        this.taken.set(made.device, wanted);
      }
    }
  }

  private async takeBoard(entry: Boarded): Promise<void> {
    const { did, device, mac } = entry;
    if (did === "assigned") {
      this.assigned.set(mac, this.released.get(device) ?? (await this.next(device)));
      this.released.delete(device);
    } else if (did === "released") {
      const wanted = this.assigned.get(mac);
      if (wanted !== undefined) this.released.set(device, wanted);
      this.assigned.delete(mac);
    } else if (did === "made") {
      this.assigned.delete(mac);
      this.boards.set(mac, device);
    }
  }

  /** The list's next device, which must be this one. */
  private async next(device: string): Promise<Wanted> {
    const { value: wanted } = await this.devices.next();
    if (wanted?.id !== device)
      throw otherBatch(`its device ${printable(device, 128)} is not in the list in that place`);
    this.count++;
    return wanted;
  }
}

/** Is the file of a line what the line says? */
export async function isAsWritten(folder: BatchFolder, made: Made): Promise<boolean> {
  return made.did === "refused" || (await folder.digestOf(made.file)) === made.sha256;
}

export const otherBatch = (why: string): Failure =>
  new Failure(
    "batch_other",
    `The folder holds another batch: ${why}.`,
    "Give the list, the key and the flags that it was begun with, or another --out.",
  );
