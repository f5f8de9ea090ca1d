import { closeSync, openSync, readFileSync, readlinkSync, rmSync, statSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

const FILE = "motekey.lock";
const OWNER_ONLY = 0o600;
/** Who just makes the file has written into it by then. */
const UNWRITTEN_MS = 5_000;
/** Where `/proc/<pid>/stat` has the time of the process's start, counted behind its name's bracket (proc_pid_stat(5)). */
const START_FIELD = 19;

/** The process that has a folder. */
interface Holder {
  pid: number;
  host: string;
  /** Tells it from a later one of its number; null where the system does not say. */
  start: string | null;
  /** In which the number counts; null where the system has one only. */
  namespace: string | null;
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
  const self: Holder = {
    pid: process.pid,
    host: hostname(),
    start: startOf("self"),
    namespace: namespace(),
    folder,
  };
  // Twice: a lock that nobody has any more is removed, and whoever is quicker then has it.
  for (let attempts = 0; attempts < 2; attempts++) {
    if (create(file, JSON.stringify(self))) return undefined;
    const holder = holderIn(file);
    if (holder !== undefined && isSelf(holder, self)) return undefined;
    if (holder === undefined ? isFresh(file) : isAlive(holder, self)) return describe(holder, file);
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

function holderIn(file: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(file, "utf8")) as Holder;
    return Number.isSafeInteger(holder.pid) && holder.pid > 0 && typeof holder.host === "string"
      ? holder
      : undefined;
  } catch {
    return undefined;
  }
}

function isFresh(file: string): boolean {
  try {
    return Date.now() - statSync(file).mtimeMs < UNWRITTEN_MS;
  } catch {
    return false;
  }
}

/** What another machine or container runs cannot be seen from here: it is taken to be alive. */
function isAlive(holder: Holder, self: Holder): boolean {
  if (holder.folder !== self.folder) return false;
  if (holder.host !== self.host || holder.namespace !== self.namespace) return true;
  if (holder.pid === self.pid) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const start = startOf(holder.pid);
  return start === null || holder.start === null || start === holder.start;
}

function isSelf(holder: Holder, self: Holder): boolean {
  return JSON.stringify(holder) === JSON.stringify(self);
}

function describe(holder: Holder | undefined, file: string): string {
  if (holder === undefined) return "another process";
  return `process ${holder.pid} on ${holder.host} (if that one is gone, remove ${file})`;
}

function startOf(pid: number | "self"): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[START_FIELD] ?? null;
  } catch {
    return null;
  }
}

function namespace(): string | null {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return null;
  }
}
