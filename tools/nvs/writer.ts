/** Writes a partition from its beginning, byte for byte as Espressif's nvs_partition_gen.py lays it out. */
import { Failure } from "../cli/failure.js";
import {
  Code,
  crc32,
  ENTRIES_AT,
  ENTRIES_PER_PAGE,
  ENTRY_BYTES,
  EntryState,
  entriesOf,
  entryAt,
  entryCrc,
  entryHash,
  entryState,
  KEY_BYTES,
  NO_CHUNK,
  NUMBERS,
  type NvsValue,
  type NvsVersion,
  PAGE_BYTES,
  PARTITION_BYTES_MIN,
  PageState,
  TABLE_AT,
  VERSION_BYTES,
} from "./format.js";
import type { NvsKeys } from "./keys.js";

/** The longest string or blob of version 1, and the longest string of version 2, NUL counted, in bytes. */
const DATA_BYTES_MAX: Readonly<Record<NvsVersion, number>> = { 1: 1984, 2: 4000 };

/** The most chunks of a blob: their numbers are a byte, in two halves. */
const CHUNKS_MAX = 127;

/** @throws Failure where a partition of this size cannot be written to by ESP-IDF */
export function checkSize(size: number): void {
  if (size % PAGE_BYTES !== 0)
    throw unfit(`A partition of ${size} bytes is not a whole number of pages.`, "Pages are 4096 bytes.");
  if (size < PARTITION_BYTES_MIN)
    throw unfit(
      `A partition of ${hex(size)} bytes is too small: ESP-IDF cannot write to it.`,
      "It needs 0x3000 bytes or more: two pages in use, and a free one.",
    );
}

/** The pages of one partition as they fill up. What was written stays: {@link Partition} knows how to replace. */
export class PartitionWriter {
  private readonly bytes: Buffer;
  /** The page that is written to: where it begins, and how many of its entries are used. */
  private page = -PAGE_BYTES;
  private used = 0;
  private sequence = 0;
  private written = 0;

  /** @param size bytes, of which a page stays free */
  constructor(
    readonly size: number,
    private readonly version: NvsVersion = 2,
  ) {
    checkSize(size);
    this.bytes = Buffer.allocUnsafe(size).fill(0xff);
    this.openPage();
  }

  /**
   * Adds an entry.
   * @param namespace its index; 0 adds a namespace
   * @param key at most 15 bytes
   * @throws Failure where it does not fit
   */
  write(namespace: number, key: string, { type, data }: NvsValue): void {
    if (type === "blob" && this.version === 2) this.writeBlob(namespace, key, data);
    else if (type === "string" || type === "blob") {
      const max = DATA_BYTES_MAX[this.version];
      if (data.length > max)
        throw unfit(
          `'${key}' has ${data.length} bytes, and a ${type} at most ${max}.`,
          "Store less, or in parts.",
        );
      const span = 1 + entriesOf(data.length);
      // The generator leaves a page's last entry free, save for one that takes a page alone, which it cannot write.
      if (this.used > 0 && this.used + span >= ENTRIES_PER_PAGE) this.openPage();
      this.writeData(namespace, key, type === "string" ? Code.STRING : Code.BLOB, NO_CHUNK, data);
    } else {
      if (this.used >= ENTRIES_PER_PAGE) this.openPage();
      const at = this.header(namespace, NUMBERS[type].code, 1, NO_CHUNK, key);
      this.bytes.set(data, at + 24);
      this.seal(at);
    }
  }

  /**
   * The partition. The writer is not used afterwards.
   * @param keys with them its entries are encrypted
   * @throws Failure where two keys of the page that ESP-IDF looks through at its start are the same to it
   */
  finish(keys: NvsKeys | null = null): Buffer {
    this.refuseSameHash();
    keys?.encrypt(this.bytes, this.writtenEntries());
    return this.bytes;
  }

  /** How many entries are written. */
  get entries(): number {
    return this.written;
  }

  private writeBlob(namespace: number, key: string, data: Uint8Array): void {
    let from = 0;
    let chunks = 0;
    // A page with one entry left takes a chunk of no bytes, and a blob of no bytes is such a chunk.
    for (let left = true; left; chunks++) {
      if (this.used >= ENTRIES_PER_PAGE) this.openPage();
      const room = (ENTRIES_PER_PAGE - this.used - 1) * ENTRY_BYTES;
      const size = Math.min(room, data.length - from);
      this.writeData(namespace, key, Code.BLOB_DATA, chunks, data.subarray(from, from + size));
      from += size;
      left = from < data.length;
      if (left || room - size < ENTRY_BYTES) this.openPage();
    }
    if (chunks > CHUNKS_MAX)
      throw unfit(
        `'${key}' takes ${chunks} pages, and a blob at most ${CHUNKS_MAX}.`,
        "Store less, or in parts.",
      );
    const at = this.header(namespace, Code.BLOB_INDEX, 1, NO_CHUNK, key);
    this.bytes.writeUInt32LE(data.length, at + 24);
    this.bytes[at + 28] = chunks;
    this.bytes[at + 29] = 0;
    this.seal(at);
  }

  /** An entry with the data behind it. */
  private writeData(namespace: number, key: string, code: number, chunk: number, data: Uint8Array): void {
    const span = 1 + entriesOf(data.length);
    const at = this.header(namespace, code, span, chunk, key);
    this.bytes.writeUInt16LE(data.length, at + 24);
    this.bytes.writeUInt32LE(crc32(data), at + 28);
    this.bytes.set(data, at + ENTRY_BYTES);
    this.seal(at);
  }

  /** Begins an entry of `span` entries, marks them written, and returns where it lies. */
  private header(namespace: number, code: number, span: number, chunk: number, key: string): number {
    const at = entryAt(this.page, this.used);
    const { bytes } = this;
    bytes[at] = namespace;
    bytes[at + 1] = code;
    bytes[at + 2] = span;
    bytes[at + 3] = chunk;
    // One letter at a time: calls of Buffer's for so few bytes take longer.
    for (let i = 0; i < KEY_BYTES; i++) bytes[at + 8 + i] = i < key.length ? key.charCodeAt(i) : 0;
    this.written += span;
    for (const end = this.used + span; this.used < end; this.used++) this.mark(this.used);
    return at;
  }

  private seal(at: number): void {
    this.bytes.writeUInt32LE(entryCrc(this.bytes, at), at + 4);
  }

  private mark(entry: number): void {
    const at = this.page + TABLE_AT + (entry >> 2);
    this.bytes[at] = (this.bytes[at] as number) & ~((3 - EntryState.WRITTEN) << ((entry & 3) * 2));
  }

  private openPage(): void {
    const next = this.page + PAGE_BYTES;
    if (next + PAGE_BYTES >= this.size)
      throw unfit(
        `This does not fit into a partition of ${hex(this.size)} bytes: ESP-IDF needs one page of it free.`,
        "Give the partition more pages, or store less.",
      );
    if (this.page >= 0) this.bytes.writeUInt32LE(PageState.FULL, this.page);
    this.page = next;
    this.used = 0;
    this.bytes.writeUInt32LE(PageState.ACTIVE, next);
    this.bytes.writeUInt32LE(this.sequence++, next + 4);
    this.bytes[next + 8] = VERSION_BYTES[this.version];
    this.bytes.writeUInt32LE(crc32(this.bytes, next + 4, next + 28), next + 28);
  }

  private writtenEntries(): number[] {
    const offsets: number[] = [];
    for (let page = 0; page < this.page; page += PAGE_BYTES)
      for (let entry = 0; entry < ENTRIES_PER_PAGE; entry++)
        if (entryState(this.bytes, page, entry) === EntryState.WRITTEN) offsets.push(entryAt(page, entry));
    for (let entry = 0; entry < this.used; entry++) offsets.push(entryAt(this.page, entry));
    return offsets;
  }

  private refuseSameHash(): void {
    const seen = new Map<number, number>();
    const end = entryAt(this.page, this.used);
    for (let at = this.page + ENTRIES_AT; at < end; at += (this.bytes[at + 2] as number) * ENTRY_BYTES) {
      const hash = entryHash(this.bytes, at);
      const other = seen.get(hash);
      if (other !== undefined)
        throw unfit(
          `ESP-IDF would erase '${keyAt(this.bytes, other)}' when it starts: to it the key is the same as '${keyAt(this.bytes, at)}'.`,
          "It compares 24 bits of a checksum, not the keys. Rename one of them.",
        );
      seen.set(hash, at);
    }
  }
}

/** The key of an entry: what stands before its NUL. */
export function keyAt(bytes: Buffer, at: number): string {
  let end = at + 8;
  while (end < at + 24 && bytes[end] !== 0) end++;
  return bytes.toString("latin1", at + 8, end);
}

/** Bytes as partition tables write them. */
export const hex = (bytes: number): string => `0x${bytes.toString(16)}`;

/** A partition or an image that cannot be used for what was asked. */
export const unfit = (message: string, next: string): Failure =>
  new Failure("partition_unfit", message, next);
