/** An audit log in its file: what was written is on the disk before anybody hears of it. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Failure, printable, systemReason } from "../cli/failure.js";
import { Chain, type Entry, type Verified, verify } from "./chain.js";

const OWNER_ONLY = 0o600;
const READ_BYTES = 256 * 1024;

/** The log of one process; others are kept away by whoever opens it. */
export class AuditLog {
  private constructor(
    private readonly handle: FileHandle,
    private readonly path: string,
    private readonly chain: Chain,
  ) {}

  /**
   * Opens a log, or begins one. The end of a write that was cut, of which nobody heard, goes.
   * @param each is given every entry that is there
   * @throws Failure where its chain is broken
   */
  static async open(path: string, each: (entry: Entry) => void = () => undefined): Promise<AuditLog> {
    const handle = await opened(path, constants.O_RDWR | constants.O_CREAT);
    try {
      const found = await verify(chunksOf(handle), each);
      if (found.broken !== null) throw brokenAt(path, found.broken);
      if (found.tornBytes > 0) await handle.truncate(found.bytes);
      return new AuditLog(handle, path, new Chain(found.lines, found.head));
    } catch (failure) {
      await handle.close();
      throw failure;
    }
  }

  /** The hash of the last line. */
  get head(): string {
    return this.chain.head;
  }

  /** Writes entries together. Resolves when they are on the disk. */
  async append(entries: readonly Entry[]): Promise<void> {
    const text = entries.map((entry) => this.chain.add(entry)).join("");
    try {
      await this.handle.appendFile(text);
      await this.handle.datasync();
    } catch (failure) {
      throw unwritten(this.path, failure);
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** What a log's file holds. @throws Failure where it cannot be read */
export async function readLog(
  path: string,
  each: (entry: Entry, line: number) => void | Promise<void> = () => undefined,
): Promise<Verified> {
  const handle = await opened(path, constants.O_RDONLY);
  try {
    return await verify(chunksOf(handle), each);
  } finally {
    await handle.close();
  }
}

/** A file's bytes, piece by piece, from its beginning. */
export async function* chunksOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Where a chain breaks. */
export const brokenAt = (path: string, { line, why }: { line: number; why: string }): Failure =>
  new Failure(
    "log_broken",
    `${printable(path)} is broken in line ${line}: ${why}.`,
    `Lines 1 to ${line - 1} are as they were written. Where the machine lost power in the middle of a write, keep these (head -n ${line - 1}); else somebody has changed it.`,
  );

async function opened(path: string, flags: number): Promise<FileHandle> {
  try {
    // Appends go to the end, wherever it was read.
    const handle = await open(path, flags | (flags & constants.O_RDWR ? constants.O_APPEND : 0), OWNER_ONLY);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (failure) {
    throw new Failure(
      "storage_denied",
      `Cannot open ${printable(path)}: ${systemReason(failure)}.`,
      "Check the path.",
      {
        cause: failure,
      },
    );
  }
  throw new Failure("storage_denied", `${printable(path)} is no file.`, "Check the path.");
}

const unwritten = (path: string, failure: unknown): Failure =>
  new Failure(
    "storage_denied",
    `Cannot write ${printable(path)}: ${systemReason(failure)}.`,
    "Make room, and run it again: it goes on where it stopped.",
    { cause: failure },
  );
