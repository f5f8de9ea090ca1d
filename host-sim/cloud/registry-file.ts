import { readFileSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { FileLock } from "./file-lock.js";
import type { CounterPurpose } from "./types.js";
import { syncFolder, writeFailure, writeWholeFile } from "./whole-file.js";

const KIND = "registry";
const FILE_VERSION = 1;
const OWNER_ONLY = 0o600;
/** A journal of this length is written into the file, so that neither it nor the next start takes long. */
const JOURNAL_BYTES_MAX = 4 * 1024 * 1024;

/** A counter that was accepted. */
export type CounterRecord = readonly [id: string, purpose: CounterPurpose, counter: number];
/** A counter, or an entity that was added, all of it. */
export type JournalRecord = CounterRecord | object;

/** What the file holds beside its version. */
export interface RegistryContent {
  /** Counts the times that the file was written: a journal belongs to one of them. */
  generation?: number;
  entities: unknown[];
}

/** What was found in the files. */
export interface RegistryFound {
  entities: unknown[];
  /** What was accepted and added since the file was written, in that order. */
  records: JournalRecord[];
  /** Is there a journal? It is not appended to: its end may be torn. */
  hasJournal: boolean;
}

/** Those that wait for the next write. */
interface Group {
  kept: Promise<void>;
  resolve: () => void;
  reject: (failure: Error) => void;
}

/** Errors and successes of the writes, where they change. */
export type Told = (trouble: string | null) => void;

/**
 * The registry's file, and beside it `<file>.journal`, to which accepted counters and added devices are appended: whatever comes while
 * a write runs shares the next one (group commit). Each write is on the disk before its promise resolves. After one
 * that failed nobody knows what a disk holds, so that the next one is of the whole file.
 */
export class RegistryFile {
  private generation = 0;
  private journal: FileHandle | null = null;
  private journalBytes = 0;
  private records: JournalRecord[] = [];
  private isWholeWanted = false;
  private group: Group | null = null;
  private latest: Promise<void> = Promise.resolve();
  private isWorking = false;

  private constructor(
    private readonly file: string,
    private readonly lock: FileLock,
    private readonly entities: () => object[],
    private readonly told: Told,
  ) {}

  /**
   * Locks the file, and reads it and its journal.
   * @param isRestored the file is a backup: it may be older than its journal
   * @param entities what is written, asked for at each write of the whole
   */
  static async open(file: string, isRestored: boolean, entities: () => object[], told: Told) {
    const lock = await FileLock.take(file, KIND);
    try {
      const opened = new RegistryFile(file, lock, entities, told);
      const found = opened.read(isRestored);
      return { file: opened, found };
    } catch (failure) {
      await lock.release();
      throw failure;
    }
  }

  /** Resolves when all that was recorded by now is on the disk; null: it is. */
  get kept(): Promise<void> | null {
    return this.group?.kept ?? (this.isWorking ? this.latest : null);
  }

  /** Has an accepted counter, or an entity that was added, written. */
  record(record: JournalRecord): void {
    this.records.push(record);
    this.join();
  }

  /** Has the whole file written. */
  changed(): void {
    this.isWholeWanted = true;
    this.join();
  }

  /** Resolves when every change is on the disk; rejects when it could not be written. */
  flush(): Promise<void> {
    return this.latest;
  }

  /** Writes what is not in the file yet, and lets go of it. */
  async close(): Promise<void> {
    try {
      await this.latest.catch(() => {});
      if (this.journal !== null || this.isWholeWanted) this.changed();
      await this.latest;
    } finally {
      await this.journal?.close().catch(() => {});
      await this.lock.release();
    }
  }

  /** Lets go of it as it is. */
  async abandon(): Promise<void> {
    await this.latest.catch(() => {});
    await this.lock.release();
  }

  private join(): void {
    if (this.group === null) {
      let [resolve, reject]: [() => void, (failure: Error) => void] = [() => {}, () => {}];
      const kept = new Promise<void>((resolved, rejected) => {
        [resolve, reject] = [resolved, rejected];
      });
      // A failure reaches those who wait for it; where nobody does, it is reported.
      kept.catch(() => {});
      this.group = { kept, resolve, reject };
      this.latest = kept;
    }
    if (!this.isWorking) void this.work();
  }

  private async work(): Promise<void> {
    this.isWorking = true;
    // One turn later, so that a thousand devices added in a loop make one file.
    await new Promise((resolve) => setImmediate(resolve));
    for (let group = this.group; group !== null; group = this.group) {
      const [records, isWhole] = [this.records, this.isWholeWanted];
      this.group = null;
      this.records = [];
      this.isWholeWanted = false;
      try {
        if (this.lock.isLost) throw new Error("its lock was taken or removed; end this cloud");
        if (isWhole || this.journalBytes > JOURNAL_BYTES_MAX) await this.writeWhole();
        else await this.append(records);
        this.told(null);
        group.resolve();
      } catch (cause) {
        this.isWholeWanted = true;
        const failure = writeFailure(KIND, this.file, cause);
        this.told(failure.message);
        group.reject(failure);
      }
    }
    this.isWorking = false;
  }

  private async writeWhole(): Promise<void> {
    const generation = this.generation + 1;
    const content = { version: FILE_VERSION, generation, entities: this.entities() };
    await writeWholeFile(this.file, `${JSON.stringify(content, null, 2)}\n`);
    this.generation = generation;
    const { journal } = this;
    this.journal = null;
    this.journalBytes = 0;
    await journal?.close();
    // One that stays belongs to an earlier generation.
    await rm(this.journalPath, { force: true });
  }

  private async append(records: readonly JournalRecord[]): Promise<void> {
    let text = `${JSON.stringify(records)}\n`;
    const isNew = this.journal === null;
    this.journal ??= await open(this.journalPath, "w", OWNER_ONLY);
    if (isNew) text = `${JSON.stringify({ version: FILE_VERSION, generation: this.generation })}\n${text}`;
    await this.journal.appendFile(text);
    await this.journal.datasync();
    if (isNew) await syncFolder(this.journalPath);
    this.journalBytes += text.length;
  }

  private get journalPath(): string {
    return `${this.file}.journal`;
  }

  private read(isRestored: boolean): RegistryFound {
    const text = textOf(this.file);
    const lines = textOf(this.journalPath)?.split("\n") ?? null;
    if (text === null) {
      if (lines === null || isRestored) return { entities: [], records: [], hasJournal: lines !== null };
      throw new Error(`The ${KIND} ${this.file} is gone, but ${this.journalPath} is there; put it back`);
    }
    const content = parsed<RegistryContent & { version?: number }>(text);
    if (content?.version !== FILE_VERSION || !Array.isArray(content.entities)) throw this.noRegistry();
    this.generation = content.generation ?? 0;
    const records = lines === null ? [] : this.recordsIn(lines, isRestored);
    return { entities: content.entities, records, hasJournal: lines !== null };
  }

  /** What is no registry of ours stays as it is. */
  noRegistry(): Error {
    return new Error(
      `${this.file} is not a ${KIND} of version ${FILE_VERSION}; move it away to start with an empty one`,
    );
  }

  private recordsIn(lines: readonly string[], isRestored: boolean): JournalRecord[] {
    // Behind the last line feed there is nothing, or what a cut left; nobody was answered for that.
    const whole = lines.slice(0, -1);
    const head = parsed<{ version?: number; generation?: number }>(whole[0] ?? "");
    if (head === null) return [];
    const generation = head.generation ?? 0;
    if (generation < this.generation) return [];
    if (generation > this.generation && !isRestored) {
      throw new Error(
        `${this.file} is older than ${this.journalPath}: it was put back from a backup. Start it as restored (motekey cloud start --restored, or restored: true)`,
      );
    }
    return whole.slice(1).flatMap((line, index) => {
      const records = parsed<JournalRecord[]>(line);
      if (Array.isArray(records) && records.every(isRecord)) return records;
      if (index === whole.length - 2) return [];
      throw new Error(
        `${this.journalPath} is damaged in line ${index + 2}. Put both back from a backup, or move the journal away, and start as restored (motekey cloud start --restored, or restored: true)`,
      );
    });
  }
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`Cannot read the ${KIND} ${file}; check its permissions`, { cause: failure });
  }
}

function parsed<Content>(text: string): Content | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is JournalRecord {
  // Whether it is an entity the registry says.
  if (!Array.isArray(value)) return typeof value === "object" && value !== null;
  const [id, purpose, counter] = value;
  return (
    typeof id === "string" && (purpose === "connect" || purpose === "mac") && Number.isSafeInteger(counter)
  );
}
