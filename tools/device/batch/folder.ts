/** The folder that a batch is made in: one run at a time, and each file there whole or not at all. */
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { FileLock } from "../../../host-sim/cloud/file-lock.js";
import { syncFolder } from "../../../host-sim/cloud/whole-file.js";
import { Failure, printable, systemCode, systemReason } from "../../cli/failure.js";

const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;
const SEED_BYTES = 32;
/** Of the files that wait for the disk. */
const WRITERS = 16;

/** A file that is to be written. */
export interface Output {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export class BatchFolder {
  private constructor(
    readonly path: string,
    private readonly lock: FileLock,
  ) {}

  /** Makes the folder where it is not there, and takes it for this run. */
  static async open(path: string): Promise<BatchFolder> {
    try {
      await mkdir(path, { recursive: true, mode: OWNER_ONLY_FOLDER });
    } catch (failure) {
      throw unwritten(path, failure);
    }
    try {
      return new BatchFolder(path, await FileLock.take(join(path, "batch"), "batch"));
    } catch (failure) {
      throw new Failure(
        "storage_busy",
        `${(failure as Error).message.split(";")[0]}.`,
        "Let that run end, or give another --out.",
        { cause: failure },
      );
    }
  }

  /** Where the log lies, which is also the journal. */
  get log(): string {
    return join(this.path, "batch.jsonl");
  }

  private get seedFile(): string {
    return join(this.path, "batch.seed");
  }

  /** The run's own secret, if there is one. */
  async seed(): Promise<Buffer | null> {
    try {
      const seed = await readFile(this.seedFile);
      return seed.length === SEED_BYTES ? seed : null;
    } catch (failure) {
      if (systemCode(failure) === "ENOENT") return null;
      throw unwritten(this.seedFile, failure);
    }
  }

  /** Makes it: on the disk before any key comes from it. */
  async makeSeed(): Promise<Buffer> {
    const seed = randomBytes(SEED_BYTES);
    await this.write([{ name: "batch.seed", bytes: seed }]);
    return seed;
  }

  /** Overwrites and removes it. What a disk keeps of what was overwritten is its own. */
  async wipeSeed(): Promise<void> {
    try {
      const handle = await open(this.seedFile, "r+");
      await handle.write(Buffer.alloc(SEED_BYTES), 0, SEED_BYTES, 0);
      await handle.datasync();
      await handle.close();
      await rm(this.seedFile);
    } catch (failure) {
      if (systemCode(failure) !== "ENOENT") throw unwritten(this.seedFile, failure);
    }
  }

  /** Writes files, each for its owner only. Resolves when all are on the disk, by their names. */
  async write(outputs: readonly Output[]): Promise<void> {
    const waiting = [...outputs];
    const work = async (): Promise<void> => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await this.writeOne(one);
    };
    await Promise.all(Array.from({ length: WRITERS }, work));
    await syncFolder(this.log);
  }

  /** SHA-256 of a file, in hex; null where there is none. */
  async digestOf(name: string): Promise<string | null> {
    try {
      return createHash("sha256")
        .update(await readFile(join(this.path, name)))
        .digest("hex");
    } catch (failure) {
      if (systemCode(failure) === "ENOENT") return null;
      throw unwritten(join(this.path, name), failure);
    }
  }

  async close(): Promise<void> {
    await this.lock.release();
  }

  /** A run that was killed leaves what it had begun under the same name, where the next one finds it. */
  private async writeOne({ name, bytes }: Output): Promise<void> {
    if (this.lock.isLost)
      throw new Failure("storage_busy", "Another run has taken the folder.", "Let it end.");
    const whole = join(this.path, name);
    const part = join(this.path, `.${name}.part`);
    try {
      await rm(part, { force: true });
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
      const handle = await open(part, flags, OWNER_ONLY);
      try {
        await handle.writeFile(bytes);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(part, whole);
    } catch (failure) {
      throw unwritten(whole, failure);
    }
  }
}

const unwritten = (path: string, failure: unknown): Failure =>
  new Failure(
    "storage_denied",
    `Cannot write ${printable(path)}: ${systemReason(failure)}.`,
    "Check --out, and run it again: it goes on where it stopped.",
    { cause: failure },
  );
