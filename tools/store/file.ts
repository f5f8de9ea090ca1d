/** The file on disk: only its owner may touch it, and it is replaced whole or not at all. */

import { randomUUID } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Failure, systemCode, systemReason } from "../cli/failure.js";

const OWNER_ONLY = 0o600;
const BYTES_MAX = 4 * 1024 * 1024;
/** A lock whose owner died is taken over after this time; a living one says so twice as often. */
const LOCK_STALE_MS = 10_000;
/** A refresh may take its time; those who wait for it look again and again. */
const LOCK_WAIT_MS = 60_000;
const LOCK_PAUSE_MS = 50;

/** A file's text, and who may read it beside its owner. */
export interface ReadFile {
  readonly text: string;
  readonly readableByOthers: boolean;
  /** The permission bits in octal, such as `644`. */
  readonly mode: string;
}

/**
 * Reads the file; null where there is none.
 * @throws Failure when it is a link or no file, belongs to another user, can be written by others or not be read
 */
export async function readPrivate(path: string): Promise<ReadFile | null> {
  const handle = await openPrivate(path);
  if (handle === null) return null;
  try {
    const { mode, uid, size } = await handle.stat();
    const bits = (mode & 0o777).toString(8);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw unsafe(path, "is not a file");
    if (size > BYTES_MAX) throw unsafe(path, "is larger than any that motekey writes");
    const others = process.platform === "win32" ? 0 : mode;
    const me = process.geteuid?.();
    if (me !== undefined && uid !== me) throw unsafe(path, "belongs to another user");
    if ((others & 0o022) !== 0) {
      throw new Failure(
        "storage_unsafe",
        `Others may write ${path} (mode ${bits}).`,
        `Run chmod 600 ${path}.`,
      );
    }
    return { text: await handle.readFile("utf8"), readableByOthers: (others & 0o044) !== 0, mode: bits };
  } finally {
    await handle.close();
  }
}

async function openPrivate(path: string) {
  try {
    return await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (failure) {
    const code = systemCode(failure);
    if (code === "ENOENT") return null;
    if (code === "ELOOP" || code === "EMLINK") throw unsafe(path, "is a symbolic link");
    throw denied("read", path, failure);
  }
}

/** Puts the text in place of the file. Whoever is killed here leaves the old file or the new one. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const { default: writeFileAtomic } = await import("write-file-atomic");
  try {
    await writeFileAtomic(path, text, { mode: OWNER_ONLY });
  } catch (failure) {
    throw denied("write", path, failure);
  }
}

/**
 * Runs `work` while no other process that asks for this lock runs its own.
 * @throws Failure when the folder cannot be written, or another holds the lock for longer than `waitMs`
 */
export async function withLock<T>(path: string, work: () => Promise<T>, waitMs = LOCK_WAIT_MS): Promise<T> {
  const release = await lock(path, waitMs);
  try {
    await sweep(path);
    return await work();
  } finally {
    // A lock that was taken from us (a machine that slept) is another's now.
    await release().catch(() => undefined);
  }
}

/** Waits until nobody holds the lock, and takes it not. @throws Failure when that takes longer than `waitMs` */
export async function awaitUnlocked(path: string, waitMs: number): Promise<void> {
  const endMs = performance.now() + waitMs;
  const { default: lockfile } = await import("proper-lockfile");
  const isHeld = () =>
    lockfile.check(path, { realpath: false, stale: LOCK_STALE_MS }).catch((failure) => {
      throw denied("read", path, failure);
    });
  while (await isHeld()) {
    if (performance.now() > endMs) throw busy(path, waitMs);
    await setTimeout(LOCK_PAUSE_MS);
  }
}

async function lock(path: string, waitMs: number): Promise<() => Promise<void>> {
  const endMs = performance.now() + waitMs;
  const watch = new LockWatch(`${path}.lock`);
  const { default: lockfile } = await import("proper-lockfile");
  for (;;) {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      return await lockfile.lock(path, {
        realpath: false,
        stale: LOCK_STALE_MS,
        // The library's own retries would go on after any failure, also one that stays.
        retries: 0,
        onCompromised: () => undefined,
      });
    } catch (failure) {
      if (systemCode(failure) !== "ELOCKED") throw denied("write", path, failure);
      if (performance.now() > endMs) throw busy(path, waitMs);
      await watch.look();
    }
    await setTimeout(LOCK_PAUSE_MS * (1 + Math.random()));
  }
}

/**
 * A lock's time that does not change while its owner should have renewed it twice is a dead owner's, whatever
 * clock wrote it: one from the future would never grow old.
 */
class LockWatch {
  private modifiedMs = Number.NaN;
  private sinceMs = 0;

  constructor(private readonly path: string) {}

  /** Looks again, and clears a dead owner's lock away. */
  async look(): Promise<void> {
    const modifiedMs = await this.time();
    if (modifiedMs !== this.modifiedMs) {
      this.modifiedMs = modifiedMs;
      this.sinceMs = performance.now();
    } else if (performance.now() - this.sinceMs > LOCK_STALE_MS) await this.clear();
  }

  private async time(): Promise<number> {
    // Nobody's by now.
    const status = await stat(this.path).catch(() => null);
    return status?.mtimeMs ?? Number.NaN;
  }

  /** Two may come to this at once: a rename has one winner, who looks at what it took. */
  private async clear(): Promise<void> {
    const aside = `${this.path}.${randomUUID()}`;
    try {
      await rename(this.path, aside);
    } catch {
      return;
    }
    const taken = (await stat(aside)).mtimeMs;
    if (taken !== this.modifiedMs) await rename(aside, this.path).catch(() => undefined);
    await rm(aside, { recursive: true, force: true });
  }
}

function busy(path: string, waitedMs: number): Failure {
  return new Failure(
    "storage_busy",
    `Another motekey has held ${path}.lock for more than ${waitedMs / 1000} s.`,
    `End it, or wait for it. If none runs, remove ${path}.lock.`,
  );
}

/** What a killed process left of its save: with the lock held, nobody else is writing. */
async function sweep(path: string): Promise<void> {
  const left = (name: string) => name.startsWith(`${basename(path)}.`) && /\.\d+$/.test(name);
  for (const name of (await readdir(dirname(path))).filter(left)) {
    await rm(join(dirname(path), name), { force: true });
  }
}

function unsafe(path: string, what: string): Failure {
  return new Failure(
    "storage_unsafe",
    `${path} ${what}.`,
    "Move it away, or name another file with MOTEKEY_CONFIG_PATH.",
  );
}

function denied(verb: "read" | "write", path: string, failure: unknown): Failure {
  const why = systemReason(failure);
  const next =
    why === "permission denied" ? permissionStep(verb, path) : "name another file with MOTEKEY_CONFIG_PATH";
  return new Failure("storage_denied", `Cannot ${verb} ${path}: ${why}`, `${next}.`, { cause: failure });
}

/** A file that is not there is kept out by its folder. */
function permissionStep(verb: "read" | "write", path: string): string {
  if (existsSync(path)) {
    const folder = verb === "write" ? `, and chmod 700 ${dirname(path)}` : "";
    return `run chmod 600 ${path}${folder}`;
  }
  return `make the folder ${dirname(path)} yours (chmod 700), or name another file with MOTEKEY_CONFIG_PATH`;
}
