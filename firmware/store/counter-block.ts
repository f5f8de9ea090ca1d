import type { Keeper } from "./keeper.js";
import {
  KeptRecord,
  PAYLOAD_AT,
  type Payload,
  RECORD_BYTES_MIN,
  RecordKind,
  readUint32,
  Unread,
  writeUint32,
} from "./record.js";

/** Counters that one write to the store reserves. */
export const COUNTERS_PER_WRITE = 64;

/** The slots are `motekey-ctra` and `motekey-ctrb`. */
const NAME = "motekey-ctr";
const PAYLOAD_BYTES = 8;
const TWO_TO_32 = 4_294_967_296;
const COUNTER_MAX = 9_007_199_254_740_991;

/** Room for the record, bytes. */
export const COUNTER_RECORD_BYTES = RECORD_BYTES_MIN + PAYLOAD_BYTES;

const counterIn = (buffer: Uint8Array): number =>
  readUint32(buffer, PAYLOAD_AT) * TWO_TO_32 + readUint32(buffer, PAYLOAD_AT + 4);

/** @construction */
const recordOf = (keeper: Keeper): KeptRecord =>
  new KeptRecord(keeper, NAME, RecordKind.COUNTER, RecordKind.COUNTER);

/**
 * Counters that are never handed out twice, over reboots too where there is a store: a block of them is
 * reserved there before its first is used, and a boot begins above all that were reserved. Without a store
 * they begin where the app says.
 */
export class CounterBlock implements Payload {
  /** The highest counter that was handed out, or that may have been; raised by whoever learns of a higher one. */
  latest: number;
  /** Up to here counters may be handed out. */
  private reserved: number;
  private isLoaded: boolean;
  private readonly record: KeptRecord | null;
  private readonly buffer: Uint8Array;

  /**
   * @param latest the highest that was used, as far as the app knows; the store's wins where that is higher
   * @param keeper null: nothing is kept
   * @param buffer {@link COUNTER_RECORD_BYTES} or more, for the time of a call
   */
  constructor(latest: number, keeper: Keeper | null, buffer: Uint8Array) {
    this.latest = latest;
    this.reserved = keeper === null ? COUNTER_MAX : latest;
    this.isLoaded = false;
    this.record = keeper === null ? null : recordOf(keeper);
    this.buffer = buffer;
  }

  /** Sees to it that {@link next} has a counter. false: the store failed; ask again later. */
  reserve(): boolean {
    if (this.latest < this.reserved) return true;
    const record = this.record;
    if (record === null) return false;
    if (!this.isLoaded && !this.load(record)) return false;
    const reserved = this.latest + COUNTERS_PER_WRITE;
    if (reserved > COUNTER_MAX || !record.save(RecordKind.COUNTER, this.buffer, this)) return false;
    this.reserved = reserved;
    return true;
  }

  /** The end of the block that is to be reserved. */
  layOut(buffer: Uint8Array): number {
    const reserved = this.latest + COUNTERS_PER_WRITE;
    const high = Math.floor(reserved / TWO_TO_32);
    writeUint32(buffer, PAYLOAD_AT, high);
    writeUint32(buffer, PAYLOAD_AT + 4, reserved - high * TWO_TO_32);
    return PAYLOAD_BYTES;
  }

  /** A counter that was never handed out before, from 1 on; 0 where none could be reserved. */
  next(): number {
    if (!this.reserve()) return 0;
    this.latest++;
    return this.latest;
  }

  private load(record: KeptRecord): boolean {
    const length = record.load(this.buffer);
    if (length === Unread.UNREADABLE) return false;
    if (length === PAYLOAD_BYTES) this.latest = Math.max(this.latest, counterIn(this.buffer));
    this.isLoaded = true;
    return true;
  }
}
