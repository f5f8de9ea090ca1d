import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Store } from "../../firmware/index.js";
import { lockFolder, unlockFolder } from "./folder-lock.js";

const ABSENT = -1;
const UNREADABLE = -2;
const OWNER_ONLY = 0o600;
/** Systems that cannot have a folder's entries written say so by these. */
const NO_FOLDER_SYNC: readonly string[] = ["EISDIR", "EPERM", "EINVAL", "EACCES"];

/** A folder that this process has. */
interface Hold {
  stores: number;
  /** The one that has it for itself. */
  sole: FileStore | undefined;
}

const holds = new Map<string, Hold>();

function giveBackAll(): void {
  for (const folder of holds.keys()) unlockFolder(folder);
}

/**
 * A directory as a device's flash, one file per name. A file is whole or the one before it, whatever ends the process,
 * and on the disk when {@link write} returns. The process has the directory for itself until it ends or all stores over
 * it are closed; in it a client has its own.
 */
export class FileStore implements Store {
  /** Why nothing is read or written now. */
  private hindrance: string | undefined;
  private readFailure: string | undefined;
  private writeFailure: string | undefined;
  private readonly folder: string;
  private readonly isSole: boolean;
  private isClosed = false;

  /**
   * @param directory made where it is missing
   * @param isSole it is read and written only while no other store is that has it for itself, too
   * @throws Error that names what is wrong with the directory: it is a file, cannot be made or written, or another
   * process has it
   */
  constructor(
    private readonly directory: string,
    isSole = false,
  ) {
    this.folder = openFolder(directory);
    this.isSole = isSole;
    if (holds.size === 0) process.on("exit", giveBackAll);
    const hold = holds.get(this.folder) ?? { stores: 0, sole: undefined };
    hold.stores++;
    holds.set(this.folder, hold);
  }

  /** Why nothing can be read or written, or why the latest write failed, or the latest read; undefined: they did not. */
  get failure(): string | undefined {
    return this.hindrance ?? this.writeFailure ?? this.readFailure;
  }

  read(name: string, out: Uint8Array): number {
    if (!this.isOurs()) return UNREADABLE;
    try {
      const value = readFileSync(join(this.folder, name));
      this.readFailure = undefined;
      out.set(value.subarray(0, out.length), 0);
      return value.length;
    } catch (failure) {
      const { code } = failure as NodeJS.ErrnoException;
      if (code === "ENOENT") return ABSENT;
      this.readFailure = `${join(this.directory, name)} cannot be read (${code})`;
      return UNREADABLE;
    }
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    if (!this.isOurs()) return false;
    try {
      replaceFile(join(this.folder, name), bytes.subarray(0, length));
      syncFolder(this.folder);
      this.writeFailure = undefined;
      return true;
    } catch (failure) {
      const { code } = failure as NodeJS.ErrnoException;
      const isFull = code === "ENOSPC" || code === "EDQUOT";
      this.writeFailure = `${join(this.directory, name)} cannot be written (${isFull ? "the disk is full" : code})`;
      return false;
    }
  }

  /** Lets others have the directory. Nothing is read or written afterwards. */
  close(): void {
    const hold = holds.get(this.folder);
    if (this.isClosed || hold === undefined) return;
    this.isClosed = true;
    if (hold.sole === this) hold.sole = undefined;
    hold.stores--;
    if (hold.stores > 0) return;
    holds.delete(this.folder);
    if (holds.size === 0) process.off("exit", giveBackAll);
    unlockFolder(this.folder);
  }

  private isOurs(): boolean {
    const hold = this.isClosed ? undefined : holds.get(this.folder);
    if (hold !== undefined && this.isSole) hold.sole ??= this;
    this.hindrance = undefined;
    if (hold !== undefined && (!this.isSole || hold.sole === this)) return true;
    this.hindrance = this.isClosed
      ? `the store in ${this.directory} was closed`
      : `another device of this process has the store in ${this.directory}: close it, or give each a directory of its own`;
    return false;
  }
}

/** The directory's real path, for this process. */
function openFolder(directory: string): string {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!statSync(directory).isDirectory()) throw Object.assign(new Error(), { code: "ENOTDIR" });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    const folder = realpathSync(directory);
    const holder = holds.has(folder) ? undefined : lockFolder(folder);
    if (holder === undefined) return folder;
    throw new Error(
      `motekey: the store ${directory} is in use by ${holder}; end that one, or give each device a directory of its own`,
    );
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException;
    if (code === undefined) throw failure;
    const isFile = code === "EEXIST" || code === "ENOTDIR";
    const what = isFile
      ? "is a file, or lies in one; name a directory"
      : `cannot be made or written (${code}); name another directory, or mend its permissions`;
    throw new Error(`motekey: the store ${directory} ${what}`, { cause: failure });
  }
}

/** All of the file, on the disk, or the one before. One process has the directory: what it left unfinished is written over. */
function replaceFile(file: string, bytes: Uint8Array): void {
  const beside = `${file}.new`;
  try {
    const made = openSync(beside, "w", OWNER_ONLY);
    try {
      writeFileSync(made, bytes);
      fsyncSync(made);
    } finally {
      closeSync(made);
    }
    renameSync(beside, file);
  } catch (failure) {
    rmSync(beside, { force: true });
    throw failure;
  }
}

/** Has the names in it on the disk. */
function syncFolder(folder: string): void {
  let opened: number | undefined;
  try {
    opened = openSync(folder, "r");
    fsyncSync(opened);
  } catch (failure) {
    if (!NO_FOLDER_SYNC.includes((failure as NodeJS.ErrnoException).code ?? "")) throw failure;
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}
