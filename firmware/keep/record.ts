import type { Store } from "../ports.js";
import { copyBytes, sameBytes } from "../wire/bytes.js";
import { crc32 } from "./crc32.js";

/** What a record holds. The numbers are in flash: they stay. */
export enum RecordKind {
  /** The highest reserved counter, u64. */
  COUNTER = 1,
}

/** What {@link Store.read} and {@link KeptRecord.load} return in place of a length. */
export enum Unread {
  ABSENT = -1,
  UNREADABLE = -2,
}

const MAGIC_HIGH = 0x6d;
const MAGIC_LOW = 0x6b;
const VERSION = 1;
const GENERATION_AT = 4;
const LENGTH_AT = 8;
const PAYLOAD_AT = 10;
const CHECK_BYTES = 4;

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
 * written, and a generation and a check that tell which counts. Every byte is told in RECORD.md.
 */
export class KeptRecord {
  private readonly store: Store;
  private readonly kind: RecordKind;
  private readonly names: string[];
  private readonly buffer: Uint8Array;
  /** Of the slot that counts; 0: none does. */
  private generation: number;
  private slot: number;

  /**
   * @param name of the thing, at most 14 bytes; its slots are named `<name>a` and `<name>b`
   */
  constructor(store: Store, kind: RecordKind, name: string, payloadBytesMax: number) {
    this.store = store;
    this.kind = kind;
    this.names = [`${name}a`, `${name}b`];
    this.buffer = new Uint8Array(RECORD_BYTES_MIN + payloadBytesMax);
    this.generation = 0;
    this.slot = 1;
  }

  /**
   * Reads the newest payload; to be called before the first {@link save}.
   * @param payload has room for the longest one
   * @returns its length; ABSENT where no slot holds a whole record; UNREADABLE where the store could not tell:
   * then nothing may be saved
   */
  load(payload: Uint8Array): number {
    let length: number = Unread.ABSENT;
    this.generation = 0;
    this.slot = 1;
    for (let slot = 0; slot < 2; slot++) {
      const readBytes = this.read(slot);
      if (readBytes === Unread.UNREADABLE) return Unread.UNREADABLE;
      const generation = this.generationOf(readBytes);
      if (generation <= this.generation) continue;
      this.generation = generation;
      this.slot = slot;
      length = readBytes - RECORD_BYTES_MIN;
      copyBytes(payload, 0, this.buffer, PAYLOAD_AT, PAYLOAD_AT + length);
    }
    return length;
  }

  /**
   * Writes `payload[0..length)` to the slot that does not count, reads it back and compares.
   * @returns whether it counts from now on; false: the one before still does
   */
  save(payload: Uint8Array, length: number): boolean {
    const slot = 1 - this.slot;
    const generation = this.generation + 1;
    const recordBytes = RECORD_BYTES_MIN + length;
    this.compose(payload, length, generation);
    if (!this.store.write(this.names[slot], this.buffer, recordBytes)) return false;
    if (this.read(slot) !== recordBytes || this.generationOf(recordBytes) !== generation) return false;
    if (!sameBytes(payload, 0, this.buffer, PAYLOAD_AT, length)) return false;
    this.generation = generation;
    this.slot = slot;
    return true;
  }

  /** The slot's bytes into the buffer, over zeros: a store that reads nothing is not to be believed. */
  private read(slot: number): number {
    this.buffer.fill(0);
    return this.store.read(this.names[slot], this.buffer);
  }

  private compose(payload: Uint8Array, length: number, generation: number): void {
    const buffer = this.buffer;
    buffer[0] = MAGIC_HIGH;
    buffer[1] = MAGIC_LOW;
    buffer[2] = VERSION;
    buffer[3] = this.kind;
    writeUint32(buffer, GENERATION_AT, generation);
    buffer[LENGTH_AT] = length >> 8;
    buffer[LENGTH_AT + 1] = length & 0xff;
    const checkAt = copyBytes(buffer, PAYLOAD_AT, payload, 0, length);
    writeUint32(buffer, checkAt, crc32(buffer, checkAt));
  }

  /** The generation of the record in `buffer[0..readBytes)`; 0 where that is no whole record of our kind. */
  private generationOf(readBytes: number): number {
    const buffer = this.buffer;
    if (readBytes < RECORD_BYTES_MIN || readBytes > buffer.length) return 0;
    const isOurs =
      buffer[0] === MAGIC_HIGH && buffer[1] === MAGIC_LOW && buffer[2] === VERSION && buffer[3] === this.kind;
    const length = buffer[LENGTH_AT] * 256 + buffer[LENGTH_AT + 1];
    if (!isOurs || RECORD_BYTES_MIN + length !== readBytes) return 0;
    const checkAt = PAYLOAD_AT + length;
    return crc32(buffer, checkAt) === readUint32(buffer, checkAt) ? readUint32(buffer, GENERATION_AT) : 0;
  }
}
