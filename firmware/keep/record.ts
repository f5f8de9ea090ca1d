import type { Store } from "../ports.js";
import { crc32 } from "./crc32.js";

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
  /** A host whose revocation the cloud has yet to be told. */
  REVOCATION = 5,
  /** A host and its token, while no client has it in memory. */
  TOKEN = 6,
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
const VERSION = 1;
const KIND_AT = 3;
const GENERATION_AT = 4;
const LENGTH_AT = 8;
const CHECK_BYTES = 4;

/** Where a record's payload begins in its buffer. */
export const PAYLOAD_AT = 10;
/** What a record takes beside its payload, bytes. */
export const RECORD_BYTES_MIN = PAYLOAD_AT + CHECK_BYTES;

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
 * written, and a generation and a check that tell which counts. Every byte is told in RECORD.md. It is laid out
 * and read in a buffer of the caller's, which may serve for many records.
 */
export class KeptRecord {
  /** Of the record that counts; the first that it may be where none does. */
  kind: RecordKind;
  private readonly store: Store;
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
  constructor(store: Store, name: string, firstKind: RecordKind, lastKind: RecordKind) {
    this.store = store;
    this.firstKind = firstKind;
    this.lastKind = lastKind;
    this.names = [`${name}a`, `${name}b`];
    this.kind = firstKind;
    this.generation = 0;
    this.slot = 1;
  }

  /**
   * Reads the newest payload; to be called before the first {@link save}.
   * @param buffer the payload lies in it from {@link PAYLOAD_AT} on; what is longer than it is no record
   * @returns its length; ABSENT or BROKEN where no slot holds a whole record; UNREADABLE where the store could not
   * tell: then nothing may be saved
   */
  load(buffer: Uint8Array): number {
    let length: number = Unread.ABSENT;
    this.generation = 0;
    this.slot = 1;
    this.kind = this.firstKind;
    for (let slot = 0; slot < 2; slot++) {
      const readBytes = this.read(slot, buffer);
      if (readBytes === Unread.UNREADABLE) return Unread.UNREADABLE;
      if (readBytes !== Unread.ABSENT && length === Unread.ABSENT) length = Unread.BROKEN;
      const generation = this.generationIn(buffer, readBytes);
      if (generation <= this.generation) continue;
      this.generation = generation;
      this.slot = slot;
      length = readBytes - RECORD_BYTES_MIN;
    }
    if (length < 0) return length;
    // The other slot was read over the one that counts.
    if (this.slot === 0 && this.generationIn(buffer, this.read(0, buffer)) !== this.generation)
      return Unread.UNREADABLE;
    this.kind = buffer[KIND_AT];
    return length;
  }

  /**
   * Writes the payload to the slot that does not count, reads it back over the buffer, and compares by the check:
   * no second buffer is needed. What lies in the buffer afterwards is the record only where it was saved.
   * @param buffer the payload is `buffer[PAYLOAD_AT…]`, with room for the check behind it
   * @returns whether it counts from now on; false: the one before still does
   */
  save(kind: RecordKind, buffer: Uint8Array, length: number): boolean {
    const slot = 1 - this.slot;
    const generation = this.generation + 1;
    const checkAt = PAYLOAD_AT + length;
    const recordBytes = checkAt + CHECK_BYTES;
    buffer[0] = MAGIC_HIGH;
    buffer[1] = MAGIC_LOW;
    buffer[2] = VERSION;
    buffer[KIND_AT] = kind;
    writeUint32(buffer, GENERATION_AT, generation);
    buffer[LENGTH_AT] = length >> 8;
    buffer[LENGTH_AT + 1] = length & 0xff;
    const check = crc32(buffer, checkAt);
    writeUint32(buffer, checkAt, check);
    if (!this.store.write(this.names[slot], buffer, recordBytes)) return false;
    if (this.read(slot, buffer) !== recordBytes) return false;
    if (this.generationIn(buffer, recordBytes) !== generation) return false;
    if (readUint32(buffer, checkAt) !== check) return false;
    this.kind = kind;
    this.generation = generation;
    this.slot = slot;
    return true;
  }

  /** The slot's bytes over zeros: a store that reads nothing is not to be believed. */
  private read(slot: number, buffer: Uint8Array): number {
    buffer.fill(0);
    return this.store.read(this.names[slot], buffer);
  }

  /** The generation of the record in `buffer[0..readBytes)`; 0 where that is no whole record of ours. */
  private generationIn(buffer: Uint8Array, readBytes: number): number {
    if (readBytes < RECORD_BYTES_MIN || readBytes > buffer.length) return 0;
    const kind = buffer[KIND_AT];
    const isOurs =
      buffer[0] === MAGIC_HIGH &&
      buffer[1] === MAGIC_LOW &&
      buffer[2] === VERSION &&
      kind >= this.firstKind &&
      kind <= this.lastKind;
    const length = buffer[LENGTH_AT] * 256 + buffer[LENGTH_AT + 1];
    if (!isOurs || RECORD_BYTES_MIN + length !== readBytes) return 0;
    const checkAt = PAYLOAD_AT + length;
    return crc32(buffer, checkAt) === readUint32(buffer, checkAt) ? readUint32(buffer, GENERATION_AT) : 0;
  }
}
