import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import type { Store } from "../../firmware/index.js";

const ABSENT = -1;
const UNREADABLE = -2;

/** A directory as a device's flash, one file per name. A file is whole or the one before it, whatever ends the process. */
export class FileStore implements Store {
  /**
   * @param directory made where it is missing
   * @throws Error when it cannot be made
   */
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  read(name: string, out: Uint8Array): number {
    try {
      const value = readFileSync(join(this.directory, name));
      out.set(value.subarray(0, out.length), 0);
      return value.length;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ENOENT" ? ABSENT : UNREADABLE;
    }
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    try {
      writeFileAtomic.sync(join(this.directory, name), bytes.subarray(0, length), { mode: 0o600 });
      return true;
    } catch {
      return false;
    }
  }
}
