import { rm, rmdir, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { type Holder, holderIn, isGone, nameOf, thisProcess } from "./holder.js";

/** A lock that nobody has touched for so long is nobody's, whatever its owner's file says. */
const STALE_MS = 10_000;
/** Who starts at the same moment is done soon; one that was killed in it has left a stale lock. */
const STARTING_LIMIT_MS = STALE_MS + 2_000;
const STARTING_PAUSE_MS = 50;
const OWNER_ONLY = 0o600;

/**
 * A file that one process has for itself: `<file>.lock` by proper-lockfile, and beside it `<file>.pid`, by which the
 * next one learns who it is, and a lock is taken over at once whose process was killed.
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
        throw inUse(file, kind, undefined);
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
      const holder = holderIn(`${file}.pid`);
      if (holder === undefined || !isGone(holder)) throw inUse(file, kind, holder);
      await rmdir(`${file}.lock`);
      unlock = await tryLock(file, kind, lost);
      if (unlock === null) throw inUse(file, kind, undefined);
    }
    lock = new FileLock(file, unlock);
    // proper-lockfile looks after this signal by signal-exit, and with it a file at its limit would end the process.
    process.on("SIGXFSZ", ignore);
    const named = `${JSON.stringify(thisProcess())}\n`;
    await writeFile(`${file}.pid`, named, { mode: OWNER_ONLY }).catch(() => {});
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

function inUse(file: string, kind: string, holder: Holder | undefined): Error {
  return new Error(`The ${kind} ${file} is in use by ${nameOf(holder)}; end that one, or use another folder`);
}
