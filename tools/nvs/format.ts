/**
 * The layout of ESP-IDF's NVS partitions: pages of 4096 bytes, each a header of 32 bytes, a table of entry states of
 * 32 bytes, and 126 entries of 32 bytes. Numbers have their low byte first.
 */
import { crc32 as crcOf } from "node:zlib";

export const PAGE_BYTES = 4096;
export const ENTRY_BYTES = 32;
export const ENTRIES_PER_PAGE = 126;
export const TABLE_AT = 32;
export const ENTRIES_AT = 64;

/** ESP-IDF writes to no smaller partition: two pages in use, and a free one to tidy up into. */
export const PARTITION_BYTES_MIN = 3 * PAGE_BYTES;

/** A key's field, and the most of it that a key or a name may take: a NUL ends it. */
export const KEY_BYTES = 16;
export const KEY_BYTES_MAX = KEY_BYTES - 1;

/** States of a page, each a word with fewer bits set than the one before: NOR flash only clears bits. */
export const PageState = {
  BLANK: 0xffffffff,
  ACTIVE: 0xfffffffe,
  FULL: 0xfffffffc,
  FREEING: 0xfffffff8,
} as const;

/** States of an entry, two bits each; 1 is none of them. */
export const EntryState = { ERASED: 0, WRITTEN: 2, EMPTY: 3 } as const;

/** Version 2 has blobs over several pages. */
export type NvsVersion = 1 | 2;

/** The byte of a page's header that says the version. */
export const VERSION_BYTES: Readonly<Record<NvsVersion, number>> = { 1: 0xff, 2: 0xfe };

/** What a value can be. */
export type NvsType = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "u64" | "i64" | "string" | "blob";

/** The types that lie within an entry: their code and their bytes. */
export const NUMBERS: Readonly<Record<Exclude<NvsType, "string" | "blob">, { code: number; bytes: number }>> =
  {
    u8: { code: 0x01, bytes: 1 },
    i8: { code: 0x11, bytes: 1 },
    u16: { code: 0x02, bytes: 2 },
    i16: { code: 0x12, bytes: 2 },
    u32: { code: 0x04, bytes: 4 },
    i32: { code: 0x14, bytes: 4 },
    u64: { code: 0x08, bytes: 8 },
    i64: { code: 0x18, bytes: 8 },
  };

/** The codes of the others. A blob of version 2 has chunks of data and one index; of version 1, one entry with its data. */
export const Code = { STRING: 0x21, BLOB: 0x41, BLOB_DATA: 0x42, BLOB_INDEX: 0x48 } as const;

/** The chunk number of what is no chunk. */
export const NO_CHUNK = 0xff;

/** The namespace index of the entries that name namespaces; their keys are the names, their values the indices. */
export const NAMESPACES = 0;
/** 255 is ESP-IDF's own. */
export const NAMESPACE_INDEX_MAX = 254;

/** A value as NVS stores it: numbers with their low byte first, strings in UTF-8 with the NUL that ends them. */
export interface NvsValue {
  readonly type: NvsType;
  readonly data: Uint8Array;
}

/** A value and where it lies. */
export interface NvsItem extends NvsValue {
  readonly namespace: string;
  readonly key: string;
}

/** Four tables, of what a byte adds to the CRC with 0 to 3 bytes behind it: four bytes in one step. */
const TABLES = new Int32Array(4 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  TABLES[byte] = crc;
}
for (let at = 256; at < TABLES.length; at++) {
  const before = TABLES[at - 256] as number;
  TABLES[at] = (TABLES[before & 0xff] as number) ^ (before >>> 8);
}

const step = (crc: number, byte: number): number => (TABLES[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);

/** The next four bytes. */
function stepFour(crc: number, bytes: Uint8Array, at: number): number {
  const one = crc ^ (bytes[at] as number);
  const two = (crc >>> 8) ^ (bytes[at + 1] as number);
  const three = (crc >>> 16) ^ (bytes[at + 2] as number);
  const four = (crc >>> 24) ^ (bytes[at + 3] as number);
  return (
    (TABLES[0x300 + (one & 0xff)] as number) ^
    (TABLES[0x200 + (two & 0xff)] as number) ^
    (TABLES[0x100 + (three & 0xff)] as number) ^
    (TABLES[four & 0xff] as number)
  );
}

/** From here on a call of zlib's is quicker than the tables. */
const NATIVE_FROM = 256;

/**
 * The CRC that NVS has everywhere: CRC-32 as zlib counts on from FFFFFFFF, so the register begins with 0. That of any
 * number of zeros is FFFFFFFF, and so is that of nothing.
 */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (end - start >= NATIVE_FROM) return crcOf(bytes.subarray(start, end), 0xffffffff);
  let crc = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) crc = stepFour(crc, bytes, at);
  for (; at < end; at++) crc = step(crc, bytes[at] as number);
  return ~crc >>> 0;
}

/** The CRC of an entry: of all its bytes but those of the CRC. */
export function entryCrc(bytes: Uint8Array, at: number): number {
  let crc = stepFour(0, bytes, at);
  for (let i = at + 8; i < at + ENTRY_BYTES; i += 4) crc = stepFour(crc, bytes, i);
  return ~crc >>> 0;
}

/**
 * What ESP-IDF knows an entry by: 24 bits of a CRC of namespace index, key and chunk number. When it starts, it erases
 * the earlier of two entries of the active page with the same one, and does not compare their keys.
 */
export function entryHash(bytes: Uint8Array, at: number): number {
  let crc = step(0, bytes[at] as number);
  for (let i = at + 8; i < at + 24; i += 4) crc = stepFour(crc, bytes, i);
  return ~step(crc, bytes[at + 3] as number) & 0xffffff;
}

/** How many entries so many bytes of data take, without the entry before them. */
export const entriesOf = (bytes: number): number => Math.ceil(bytes / ENTRY_BYTES);

/** The state of an entry in a page's table. */
export const entryState = (bytes: Uint8Array, page: number, entry: number): number =>
  ((bytes[page + TABLE_AT + (entry >> 2)] as number) >> ((entry & 3) * 2)) & 3;

/** Where an entry lies in the partition. */
export const entryAt = (page: number, entry: number): number => page + ENTRIES_AT + entry * ENTRY_BYTES;
