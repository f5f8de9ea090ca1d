import { crc32 } from "./crc32.js";
import type { Keeper } from "./keeper.js";

/** What a record holds. The numbers are in flash: they stay. */
export enum RecordKind {
  /** The highest reserved counter, u64. */
  COUNTER = 1,
  /** Who the device is and what proves it. */
  CREDENTIAL = 2,
  /** A host's place that no host has. */
  VACANT = 3,
  /** A host that the cloud has a token of ours for. */
  HOST = 4,
  /** A host whose revocation the cloud does not know of yet. */
  REVOCATION = 5,
  /** A host and its token, while no client has it in memory. */
  TOKEN = 6,
  /** The key that is to follow the device's, and whose the other records are when it has. */
  NEXT_KEY = 7,
}

/** What {@link Store.read} and {@link KeptRecord.load} return in place of a length. */
export enum Unread {
  ABSENT = -1,
  UNREADABLE = -2,
  /** Something lies there, but no slot holds a whole record. */
  BROKEN = -3,
}

const MAGIC_HIGH = 0x6d;
const MAGIC_LOW = 0x6b;
const VERSION_AT = 2;
const KIND_AT = 3;
const GENERATION_AT = 4;
const LENGTH_AT = 8;
const CHECK_BYTES = 4;

/** Where a record's payload begins in its buffer. */
export const PAYLOAD_AT = 10;
/** What a record takes beside its payload, bytes. */
export const RECORD_BYTES_MIN = PAYLOAD_AT + CHECK_BYTES;
/** What begins the payload of a host's place: whose it is; not in the layout before. */
export const OWNER_BYTES = 4;

/** Of a payload's layout: the first of a host's place had no digest of whose it is. */
const versionOf = (kind: RecordKind): number => (kind < RecordKind.VACANT ? 1 : 2);

/** What is to be kept. */
export interface Payload {
  /**
   * Lays itself out in `buffer[PAYLOAD_AT…]`, anew for each attempt: the one before was read back over it.
   * @returns its length; behind it there is room for the check
   */
  layOut(buffer: Uint8Array): number;
}

/** Writes a number 0…2^32−1, the high byte first. */
export function writeUint32(out: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) out[at + i] = (value >>> (24 - 8 * i)) & 0xff;
}

/** Reads what {@link writeUint32} wrote. */
export function readUint32(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value = value * 256 + bytes[at + i];
  return value;
}

/**
 * A payload that survives a cut of power at any byte: two slots, of which only the one that does not count is
 * written, and a generation and a check that say which counts. Every byte is in RECORD.md. It is laid out
 * and read in a buffer of the caller's, which may serve for many records.
 */
export class KeptRecord {
  /** Of the record that counts; the first that it may be where none does. */
  kind: RecordKind;
  /** Its payload is laid out as the release before did. */
  isOld: boolean;
  private readonly keeper: Keeper;
  private readonly firstKind: RecordKind;
  private readonly lastKind: RecordKind;
  private readonly names: string[];
  /** Of the slot that counts; 0: none does. */
  private generation: number;
  private slot: number;

  /**
   * @param name of the thing, at most 14 bytes; its slots are named `<name>a` and `<name>b`
   * @param firstKind the kinds that it may be, from this one…
   * @param lastKind …to this one
   */
  constructor(keeper: Keeper, name: string, firstKind: RecordKind, lastKind: RecordKind) {
    this.keeper = keeper;
    this.firstKind = firstKind;
    this.lastKind = lastKind;
    this.names = [`${name}a`, `${name}b`];
    this.kind = firstKind;
    this.isOld = false;
    this.generation = 0;
    this.slot = 1;
  }

  /**
   * Reads the newest payload; to be called before the first {@link save}.
   * @param buffer the payload lies in it from {@link PAYLOAD_AT} on; what is longer than it is no record
   * @returns its length; ABSENT or BROKEN where no slot holds a whole record; UNREADABLE where the store failed:
   * then nothing may be saved
   */
  load(buffer: Uint8Array): number {
    const length = this.find(buffer);
    if (length !== Unread.ABSENT || this.keeper.isMarked) return length;
    return this.keeper.mark(buffer) ? this.find(buffer) : Unread.UNREADABLE;
  }

  /**
   * Writes the payload to the slot that does not count, reads it back over the buffer, and compares by the check: no
   * second buffer is needed. Where it differs it is written once more: flash that was cut may lose what is written next.
   * What lies in the buffer afterwards is the record only where it was saved.
   * @returns whether it counts from now on; false: the one before still does
   */
  save(kind: RecordKind, buffer: Uint8Array, payload: Payload): boolean {
    const keeper = this.keeper;
    const slot = 1 - this.slot;
    const generation = this.generation + 1;
    if (!keeper.isWritable()) return false;
    for (let attempts = 0; attempts < 2; attempts++) {
      const length = payload.layOut(buffer);
      const checkAt = PAYLOAD_AT + length;
      buffer[0] = MAGIC_HIGH;
      buffer[1] = MAGIC_LOW;
      buffer[VERSION_AT] = versionOf(kind);
      buffer[KIND_AT] = kind;
      writeUint32(buffer, GENERATION_AT, generation);
      buffer[LENGTH_AT] = length >> 8;
      buffer[LENGTH_AT + 1] = length & 0xff;
      const check = crc32(buffer, checkAt);
      writeUint32(buffer, checkAt, check);
      if (!keeper.store.write(this.names[slot], buffer, checkAt + CHECK_BYTES)) break;
      if (this.look(slot, buffer) !== length || readUint32(buffer, checkAt) !== check) continue;
      this.kind = kind;
      this.isOld = false;
      this.generation = generation;
      this.slot = slot;
      return keeper.wrote(true);
    }
    return keeper.wrote(false);
  }

  private find(buffer: Uint8Array): number {
    let length: number = Unread.ABSENT;
    this.generation = 0;
    this.slot = 1;
    this.kind = this.firstKind;
    for (let slot = 0; slot < 2; slot++) {
      const found = this.look(slot, buffer);
      if (found === Unread.UNREADABLE) return found;
      const generation = found < 0 ? 0 : readUint32(buffer, GENERATION_AT);
      if (generation > this.generation) {
        this.generation = generation;
        this.slot = slot;
        length = found;
      } else if (length < 0) length = Math.min(length, found);
    }
    if (length < 0) return length;
    // The other slot was read over the one that counts.
    if (this.slot === 0 && this.look(0, buffer) !== length) return Unread.UNREADABLE;
    this.kind = buffer[KIND_AT];
    this.isOld = buffer[VERSION_AT] < versionOf(this.kind);
    return length;
  }

  /**
   * Reads a slot over zeros: a store that reads nothing is not to be believed.
   * @returns the length of the payload of a whole record of ours; else ABSENT, UNREADABLE or BROKEN
   */
  private look(slot: number, buffer: Uint8Array): number {
    buffer.fill(0);
    const readBytes = this.keeper.store.read(this.names[slot], buffer);
    const version = buffer[VERSION_AT];
    const kind = buffer[KIND_AT];
    const length = buffer[LENGTH_AT] * 256 + buffer[LENGTH_AT + 1];
    const checkAt = PAYLOAD_AT + length;
    if (readBytes < 0) return readBytes;
    const isWhole =
      readBytes === checkAt + CHECK_BYTES &&
      readBytes <= buffer.length &&
      buffer[0] === MAGIC_HIGH &&
      buffer[1] === MAGIC_LOW &&
      version >= 1 &&
      version <= versionOf(kind) &&
      kind >= this.firstKind &&
      kind <= this.lastKind &&
      crc32(buffer, checkAt) === readUint32(buffer, checkAt);
    return isWhole ? length : Unread.BROKEN;
  }
}
