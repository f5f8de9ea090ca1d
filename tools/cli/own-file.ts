/** Files that others name or write: read without waiting, bounded, and known for whose they are. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { systemCode } from "./failure.js";

/** A regular file, or what is in its place. `isOurs`: of this user, or of root. */
export type OwnFile =
  | { readonly kind: "file"; readonly isOurs: boolean; readonly mode: number; readonly text: string | null }
  | { readonly kind: "folder" | "other" };

/**
 * Reads a file, through links; one of another user is not read (`text` null).
 * @param bytesMax a longer one is not read either
 * @throws the system's error where it cannot be opened
 */
export async function readOwnFile(path: string, bytesMax: number): Promise<OwnFile> {
  const handle = await opened(path);
  if (handle === null) return { kind: "other" };
  try {
    const status = await handle.stat();
    if (status.isDirectory()) return { kind: "folder" };
    if (!status.isFile()) return { kind: "other" };
    const me = process.geteuid?.() ?? status.uid;
    const isOurs = status.uid === me || status.uid === 0;
    const isRead = isOurs && status.size <= bytesMax;
    return {
      kind: "file",
      isOurs,
      mode: process.platform === "win32" ? 0 : status.mode & 0o777,
      text: isRead ? await handle.readFile("utf8") : null,
    };
  } finally {
    await handle.close();
  }
}

/** Opened without waiting for the other end of a FIFO; null: a socket, or a device without a driver. */
async function opened(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (failure) {
    if (systemCode(failure) === "ENXIO") return null;
    throw failure;
  }
}
