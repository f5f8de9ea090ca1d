/** Files of devices: what a flag names is read, and what is written is its owner's alone. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, open, rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Failure, printable, systemCode, systemReason, usage } from "../cli/failure.js";
import { readPipedLine } from "../cli/prompt.js";
import type { System } from "../cli/system.js";

const OWNER_ONLY = 0o600;
/** The largest flash of an ESP32. */
const BYTES_MAX = 32 * 1024 * 1024;

/**
 * The bytes of a file that a flag or an argument names.
 * @throws Failure where it cannot be read, or is longer than any flash
 */
export async function fileBytes(system: System, name: string, path: string): Promise<Buffer> {
  const handle = await opened(system, name, path);
  try {
    return await contentOf(handle, name, path);
  } finally {
    await handle.close();
  }
}

/**
 * The bytes of a file that holds a secret.
 * @throws Failure also where anybody but its owner may read or write it, as ssh has it
 */
export async function secretBytes(system: System, name: string, path: string): Promise<Buffer> {
  const handle = await opened(system, name, path);
  try {
    await refuseExposed(handle, name, path);
    return await contentOf(handle, name, path);
  } finally {
    await handle.close();
  }
}

/** @throws Failure where anybody but the file's owner may read or write it */
export async function refuseExposed(handle: FileHandle, name: string, path: string): Promise<void> {
  const { mode, uid } = await handle.stat();
  const me = process.geteuid?.() ?? uid;
  const isExposed = process.platform !== "win32" && (mode & 0o077) !== 0;
  if (isExposed || (uid !== me && uid !== 0))
    throw new Failure(
      "storage_unsafe",
      `${printable(path)} (${name}) is open to others: mode ${(mode & 0o777).toString(8)}.`,
      `It holds a secret. Run chmod 600 ${printable(path)}.`,
    );
}

/** The first line of such a file, or of standard input where the path is `-`. */
export async function secretLine(system: System, name: string, path: string): Promise<string> {
  const line = path === "-" ? await readPipedLine(system) : await firstLine(system, name, path);
  system.secrets.keep(line);
  return line;
}

async function firstLine(system: System, name: string, path: string): Promise<string> {
  const bytes = await secretBytes(system, name, path);
  const [line = ""] = bytes.toString().split(/\r?\n/, 1);
  bytes.fill(0);
  return line.trim();
}

/**
 * Writes a file for its owner only: all of it, on the disk, or nothing.
 * @param isReplaced an older one goes; else it is refused
 */
export async function writeOwn(
  system: System,
  path: string,
  bytes: Uint8Array,
  isReplaced: boolean,
): Promise<void> {
  const whole = resolve(system.directory, path);
  // A file that is there keeps its own mode, which may be wider: its place is taken instead.
  const beside = `${whole}.${randomBytes(6).toString("hex")}`;
  try {
    const handle = await open(beside, "wx", OWNER_ONLY);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (isReplaced) await rename(beside, whole);
    else await link(beside, whole);
  } catch (failure) {
    if (systemCode(failure) === "EEXIST")
      throw usage(`${printable(path)} is there already.`, "Give another name, or --force.");
    throw new Failure(
      "storage_denied",
      `Cannot write ${printable(path)}: ${systemReason(failure)}.`,
      "Check --out.",
      {
        cause: failure,
      },
    );
  } finally {
    await rm(beside, { force: true });
  }
}

/** Opens a file that a flag or an argument names. */
export async function opened(system: System, name: string, path: string): Promise<FileHandle> {
  try {
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
    return await open(resolve(system.directory, path), flags);
  } catch (failure) {
    throw unread(name, path, systemReason(failure));
  }
}

async function contentOf(handle: FileHandle, name: string, path: string): Promise<Buffer> {
  const status = await handle.stat();
  if (!status.isFile()) throw unread(name, path, "it is no file");
  if (status.size > BYTES_MAX) throw unread(name, path, `it is longer than ${BYTES_MAX} bytes`);
  return handle.readFile();
}

const unread = (name: string, path: string, why: string): Failure =>
  usage(`${name}: ${printable(path)} cannot be read: ${why}.`, "Check the path.");
