import { readFileSync, readlinkSync } from "node:fs";
import { rm, rmdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import lockfile from "proper-lockfile";

/** A lock that nobody has touched for so long is nobody's, whatever its owner's file says. */
const STALE_MS = 10_000;
/** Who starts at the same moment is done soon; one that was killed in it has left a stale lock. */
const STARTING_LIMIT_MS = STALE_MS + 2_000;
const STARTING_PAUSE_MS = 50;
const OWNER_ONLY = 0o600;
/** Where `/proc/<pid>/stat` has the time of the process's start, counted behind its name's bracket (proc_pid_stat(5)). */
const START_FIELD = 19;

/** Who holds a lock. */
interface Owner {
  pid: number;
  host: string;
  /** What tells this process from a later one with its number; null where the system does not say. */
  start: string | null;
  /** In which the number counts. */
  namespace: string | null;
}

/**
 * A file that one process has for itself: `<file>.lock` by proper-lockfile, and beside it `<file>.pid`, by which the
 * next one is told who it is, and a lock is taken over at once whose process was killed.
 */
export class FileLock {
  /** The lock was taken from us, or removed. */
  isLost = false;

  private constructor(
    private readonly file: string,
    private readonly unlock: () => Promise<void>,
  ) {}

  /**
   * @param kind what the file is, for errors: "registry"
   * @throws Error that names the process that has it
   */
  static async take(file: string, kind: string): Promise<FileLock> {
    // One at a time, so that nobody takes a lock for a dead one's that was taken over just now.
    const startedMs = performance.now();
    let started: (() => Promise<void>) | null = null;
    while (started === null) {
      started = await tryLock(`${file}.starting`, kind, () => {});
      if (started === null && performance.now() - startedMs > STARTING_LIMIT_MS)
        throw inUse(file, kind, null);
      if (started === null) await pause(STARTING_PAUSE_MS);
    }
    try {
      return await FileLock.takeAlone(file, kind);
    } finally {
      await started().catch(() => {});
    }
  }

  private static async takeAlone(file: string, kind: string): Promise<FileLock> {
    let lock: FileLock | null = null;
    const lost = (): void => {
      if (lock !== null) lock.isLost = true;
    };
    let unlock = await tryLock(file, kind, lost);
    if (unlock === null) {
      const owner = ownerOf(file);
      if (owner === null || !isDead(owner)) throw inUse(file, kind, owner);
      await rmdir(`${file}.lock`);
      unlock = await tryLock(file, kind, lost);
      if (unlock === null) throw inUse(file, kind, null);
    }
    lock = new FileLock(file, unlock);
    // proper-lockfile looks after this signal by signal-exit, and with it a file at its limit would end the process.
    process.on("SIGXFSZ", ignore);
    const owner: Owner = {
      pid: process.pid,
      host: hostname(),
      start: startOf("self"),
      namespace: namespace(),
    };
    await writeFile(`${file}.pid`, `${JSON.stringify(owner)}\n`, { mode: OWNER_ONLY }).catch(() => {});
    return lock;
  }

  async release(): Promise<void> {
    process.off("SIGXFSZ", ignore);
    if (this.isLost) return;
    await rm(`${this.file}.pid`, { force: true });
    await this.unlock().catch(() => {});
  }
}

/** Node gives EFBIG to whoever writes. */
function ignore(): void {}

/** null: somebody has it. */
async function tryLock(file: string, kind: string, lost: () => void): Promise<(() => Promise<void>) | null> {
  try {
    return await lockfile.lock(file, { realpath: false, stale: STALE_MS, retries: 0, onCompromised: lost });
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException;
    if (code === "ELOCKED") return null;
    const shown = file.replace(/\.starting$/, "");
    throw new Error(`Cannot lock the ${kind} ${shown} (${code}); check the folder and its permissions`, {
      cause: failure,
    });
  }
}

function inUse(file: string, kind: string, owner: Owner | null): Error {
  const who = owner === null ? "another process" : `process ${owner.pid} on ${owner.host}`;
  return new Error(`The ${kind} ${file} is in use by ${who}; end that one, or use another folder`);
}

function ownerOf(file: string): Owner | null {
  try {
    const owner = JSON.parse(readFileSync(`${file}.pid`, "utf8")) as Owner;
    return Number.isSafeInteger(owner.pid) && typeof owner.host === "string" ? owner : null;
  } catch {
    return null;
  }
}

/** Is this owner certainly gone? What another machine or container runs cannot be seen from here. */
function isDead(owner: Owner): boolean {
  if (owner.host !== hostname() || owner.namespace !== namespace()) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === "ESRCH";
  }
  const start = startOf(owner.pid);
  return start !== null && owner.start !== null && start !== owner.start;
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
