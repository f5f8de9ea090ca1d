import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

const OWNER_ONLY = 0o600;
/** Systems that cannot have a folder's entries written say so by these. */
const NO_FOLDER_SYNC: readonly string[] = ["EISDIR", "EPERM", "EINVAL", "EACCES"];

/**
 * Puts a text in place of a file, for its owner only: all of it, on the disk, or nothing. write-file-atomic would
 * not notice a disk that takes a part of it only.
 */
export async function writeWholeFile(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    const handle = await open(beside, "wx", OWNER_ONLY);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (failure) {
    await rm(beside, { force: true });
    throw failure;
  }
  await syncFolder(file);
}

/** Has the entry of this file in its folder on the disk. */
export async function syncFolder(file: string): Promise<void> {
  try {
    const folder = await open(dirname(file), "r");
    await folder.sync().finally(() => folder.close());
  } catch (failure) {
    if (!NO_FOLDER_SYNC.includes((failure as NodeJS.ErrnoException).code ?? "")) throw failure;
  }
}

/** What kept a file from being written, and what to do about it. */
export function writeFailure(kind: string, file: string, cause: unknown): Error {
  return new Error(`Cannot write the ${kind} ${file}${whyNot(cause as NodeJS.ErrnoException)}`, { cause });
}

function whyNot({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOSPC" || code === "EDQUOT") return ": the disk is full; make room";
  if (code === "EFBIG") return ": it may not grow any more; raise the limit of a file's size (ulimit -f)";
  return code === undefined ? `: ${message}` : ` (${code}); check the folder and its permissions`;
}
