import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Holder, holderIn, isGone, nameOf, thisProcess } from "../cloud/holder.js";

const FILE = "motekey.lock";
const OWNER_ONLY = 0o600;
/** Who just makes the file has written into it by then. */
const UNWRITTEN_MS = 5_000;

/** The process that has a folder. */
interface FolderHolder extends Holder {
  /** As it was named then: the file in a copy of the folder holds nobody. */
  folder: string;
}

/**
 * Takes a folder for this process, over whom died without giving it back.
 * @param folder its real path
 * @returns undefined, or who has it
 * @throws Error of the file system, where the folder cannot be written
 */
export function lockFolder(folder: string): string | undefined {
  const file = join(folder, FILE);
  const self = JSON.stringify({ ...thisProcess(), folder } satisfies FolderHolder);
  // Twice: a lock that nobody has any more is removed, and whoever is quicker then has it.
  for (let attempts = 0; attempts < 2; attempts++) {
    if (create(file, self)) return undefined;
    const holder = holderIn<FolderHolder>(file);
    if (JSON.stringify(holder) === self) return undefined;
    const isHeld = holder === undefined ? isFresh(file) : holder.folder === folder && !isGone(holder);
    if (isHeld) return describe(holder, file);
    rmSync(file, { force: true });
  }
  return describe(holderIn(file), file);
}

/** Gives it back. */
export function unlockFolder(folder: string): void {
  const file = join(folder, FILE);
  if (holderIn(file)?.pid === process.pid) rmSync(file, { force: true });
}

/** false: there is one. */
function create(file: string, text: string): boolean {
  let made: number;
  try {
    made = openSync(file, "wx", OWNER_ONLY);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw failure;
  }
  try {
    writeSync(made, text);
  } finally {
    closeSync(made);
  }
  return true;
}

function isFresh(file: string): boolean {
  try {
    return Date.now() - statSync(file).mtimeMs < UNWRITTEN_MS;
  } catch {
    return false;
  }
}

function describe(holder: Holder | undefined, file: string): string {
  const hint = holder === undefined ? "" : ` (if that one is gone, remove ${file})`;
  return `${nameOf(holder)}${hint}`;
}
