/**
 * Espruino's Storage as it lies in flash: files one behind the other, each a header of 32 bytes (u32 with the size in
 * its lower 24 bits and flags above, low byte first; the name, 28 bytes, NUL-padded), its data, and FF up to a multiple
 * of four. A file whose name begins with NUL was replaced or erased. FF follows the last one.
 */
import { Failure, printable, usage } from "../cli/failure.js";

/** Where Storage lies on an ESP32 with 4 MiB of flash, and how much of it there is. */
export const STORAGE_AT = 0x320000;
export const STORAGE_BYTES = 0xe0000;

/** A longer name is cut by Espruino without a word, and then two of them may be one. */
const NAME_BYTES = 28;
const HEADER_BYTES = 4 + NAME_BYTES;
const SIZE_MAX = 0xffffff;
const SECTOR_BYTES = 0x1000;
const BLANK = 0xffffffff;

/** A file. */
export interface StorageFile {
  readonly name: string;
  readonly data: Uint8Array;
  /** Of `Storage.open()`, and of compressed code; 0: none. */
  readonly flags: number;
}

/** All files of a Storage, and its size. */
export class StorageImage {
  private readonly files = new Map<string, StorageFile>();

  /** An empty one. @param size bytes, whole sectors of 4096 */
  constructor(readonly size: number) {
    if (size % SECTOR_BYTES !== 0 || size <= 0)
      throw unfit(`A Storage of ${size} bytes is not a whole number of sectors.`, "Sectors are 4096 bytes.");
  }

  /**
   * What a Storage holds.
   * @throws Failure where it is none, or ends within a file: to write it anew would lose what it held
   */
  static read(bytes: Uint8Array): StorageImage {
    const stored = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const image = new StorageImage(stored.length);
    for (let at = 0; at + HEADER_BYTES <= stored.length; ) {
      const word = stored.readUInt32LE(at);
      if (word === BLANK) break;
      const size = word & SIZE_MAX;
      const from = at + HEADER_BYTES;
      if (from + size > stored.length || size === 0)
        throw new Failure(
          "partition_damaged",
          `The Storage is damaged: at 0x${at.toString(16)} there is no file.`,
          "Nothing is written over it. A whole new image replaces it, and loses what it holds.",
        );
      const name = stored.toString("latin1", at + 4, from).split("\0", 1)[0] ?? "";
      if (name !== "")
        image.files.set(name, { name, data: stored.subarray(from, from + size), flags: word >>> 24 });
      at = aligned(from + size);
    }
    return image;
  }

  /** Whether bytes are a Storage that holds something; an NVS partition is none. */
  static isStorage(bytes: Uint8Array): boolean {
    const stored = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    // The states of NVS pages have all upper bits set.
    return stored.length > HEADER_BYTES && stored.readUInt32LE(0) >>> 24 !== 0xff;
  }

  get(name: string): Uint8Array | null {
    return this.files.get(name)?.data ?? null;
  }

  /** Sets a file; its flags go. @throws Failure for what Espruino cannot store */
  set(name: string, data: Uint8Array): void {
    checkName(name);
    if (data.length === 0)
      throw usage(
        `'${name}' is empty.`,
        "Espruino has no files of no bytes: leave it out, or store one byte.",
      );
    if (data.length > SIZE_MAX)
      throw usage(`'${name}' has ${data.length} bytes.`, `A file has at most ${SIZE_MAX}.`);
    // As Espruino does: behind all others.
    this.files.delete(name);
    this.files.set(name, { name, data, flags: 0 });
  }

  /** Was it there? */
  delete(name: string): boolean {
    return this.files.delete(name);
  }

  /** All files, in the order in which they are written. */
  items(): IterableIterator<StorageFile> {
    return this.files.values();
  }

  /** How many bytes the files take. */
  get used(): number {
    let used = 0;
    for (const { data } of this.files.values()) used = aligned(used + HEADER_BYTES + data.length);
    return used;
  }

  /**
   * The Storage's bytes: as after `compact()`, so that nothing of what was replaced stays in it.
   * @throws Failure where the files do not fit
   */
  toBytes(): Buffer {
    if (this.used > this.size)
      throw unfit(
        `This does not fit: ${this.used} of ${this.size} bytes.`,
        "Give Storage more sectors, or store less.",
      );
    const bytes = Buffer.alloc(this.size, 0xff);
    let at = 0;
    for (const { name, data, flags } of this.files.values()) {
      bytes.writeUInt32LE(((flags << 24) | data.length) >>> 0, at);
      bytes.fill(0, at + 4, at + HEADER_BYTES);
      bytes.write(name, at + 4, "latin1");
      bytes.set(data, at + HEADER_BYTES);
      at = aligned(at + HEADER_BYTES + data.length);
    }
    return bytes;
  }
}

const aligned = (at: number): number => (at + 3) & ~3;

/** @throws Failure for a name that Espruino would cut, or end at a NUL */
export function checkName(name: string): void {
  const isPlain = name !== "" && [...name].every((letter) => letter > "\0" && letter <= "\x7f");
  if (isPlain && name.length <= NAME_BYTES) return;
  throw usage(
    `'${printable(name, 80)}' is no name of Storage.`,
    `It has 1 to ${NAME_BYTES} characters of ASCII: Espruino cuts longer ones without a word.`,
  );
}

const unfit = (message: string, next: string): Failure => new Failure("partition_unfit", message, next);
