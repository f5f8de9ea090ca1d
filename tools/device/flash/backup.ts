/**
 * What a partition held, in a file while it is written over: a run that dies in between leaves the chip without it, and
 * the next run at the same chip takes it from there.
 */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { System } from "../../cli/system.js";
import { secretBytes, writeOwn } from "../files.js";
import type { Keep } from "./put.js";

/** The file of one chip. */
export class Backup implements Keep {
  readonly path: string;

  /** @param mac whose it is @param label its partition @param folder where it lies */
  constructor(
    private readonly system: System,
    mac: string,
    label: string,
    folder = "",
  ) {
    const name = `motekey-${mac.replaceAll(":", "")}-${label.replace(/[^\w-]/g, "_")}.backup`;
    this.path = join(folder, name);
  }

  /** What a run that did not end left behind; null: there was none. @param size the partition's */
  async left(size: number): Promise<Buffer | null> {
    if (!existsSync(resolve(this.system.directory, this.path))) return null;
    const bytes = await secretBytes(this.system, "The backup", this.path);
    return bytes.length === size ? bytes : null;
  }

  /** On the disk when it resolves, for its owner only. */
  keep(bytes: Uint8Array): Promise<void> {
    return writeOwn(this.system, this.path, bytes, true);
  }

  /** The chip holds it again. */
  remove(): Promise<void> {
    return rm(resolve(this.system.directory, this.path), { force: true });
  }
}
