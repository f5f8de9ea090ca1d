/**
 * ESP-IDF's partition table: entries of 32 bytes, low byte first (magic AA 50, type, subtype, offset, size, label of 16
 * bytes, flags), an entry with the MD5 of those before it, and FF to the end.
 */
import { createHash } from "node:crypto";
import { Failure } from "../cli/failure.js";

/** As many bytes are a table's; its sector has 4096. */
export const TABLE_BYTES = 0xc00;
/** Where ESP-IDF puts it by default. */
export const TABLE_AT = 0x8000;

const ENTRY_BYTES = 32;
const MAGIC = 0x50aa;
const MD5_MAGIC = 0xebeb;
const MD5_AT = 16;

/** A partition. */
export interface TableEntry {
  readonly label: string;
  /** `app`, `data`, or a number of the project's own. */
  readonly type: number;
  readonly subtype: number;
  readonly offset: number;
  readonly size: number;
  readonly isEncrypted: boolean;
}

/** The kinds of partitions that matter here. */
export const Kind = { DATA: 1, NVS: 2, NVS_KEYS: 4 } as const;

/** Whether a sector begins as a table does. @param bytes its first 32 or more */
export const looksLikeTable = (bytes: Uint8Array): boolean =>
  bytes.length >= ENTRY_BYTES && bytes[0] === 0xaa && bytes[1] === 0x50;

/**
 * The partitions of a table.
 * @param at where it was read, for messages
 * @throws Failure where there is none, or its MD5 does not fit
 */
export function readTable(stored: Uint8Array, at: number): TableEntry[] {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, Math.min(stored.length, TABLE_BYTES));
  const entries: TableEntry[] = [];
  for (let from = 0; from + ENTRY_BYTES <= bytes.length; from += ENTRY_BYTES) {
    const magic = bytes.readUInt16LE(from);
    if (magic === 0xffff) break;
    if (magic === MD5_MAGIC) {
      const md5 = createHash("md5").update(bytes.subarray(0, from)).digest();
      if (md5.equals(bytes.subarray(from + MD5_AT, from + ENTRY_BYTES))) break;
      throw damaged(at, "its MD5 does not fit");
    }
    if (magic !== MAGIC) throw damaged(at, `entry ${entries.length} is none`);
    entries.push(entryAt(bytes, from));
  }
  if (entries.length === 0) throw damaged(at, "there is none");
  return entries;
}

function entryAt(bytes: Buffer, from: number): TableEntry {
  const label = bytes.toString("latin1", from + 12, from + 28);
  return {
    label: label.split("\0", 1)[0] ?? "",
    type: bytes[from + 2] as number,
    subtype: bytes[from + 3] as number,
    offset: bytes.readUInt32LE(from + 4),
    size: bytes.readUInt32LE(from + 8),
    isEncrypted: (bytes.readUInt32LE(from + 28) & 1) === 1,
  };
}

const damaged = (at: number, what: string): Failure =>
  new Failure(
    "partition_damaged",
    `The partition table at 0x${at.toString(16)} cannot be used: ${what}.`,
    "Flash the app with its partition table first; where the table lies elsewhere, name its offset with --table.",
  );
