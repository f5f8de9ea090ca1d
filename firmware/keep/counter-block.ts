import type { Store } from "../ports.js";
import { NO_BYTES } from "../wire/bytes.js";
import { KeptRecord, RecordKind, readUint32, Unread, writeUint32 } from "./record.js";

/** Counters that one write to the store reserves. */
export const COUNTERS_PER_WRITE = 64;

/** The slots are `motekey-ctra` and `motekey-ctrb`. */
const NAME = "motekey-ctr";
const PAYLOAD_BYTES = 8;
const TWO_TO_32 = 4_294_967_296;
const COUNTER_MAX = 9_007_199_254_740_991;

const counterIn = (payload: Uint8Array): number =>
  readUint32(payload, 0) * TWO_TO_32 + readUint32(payload, 4);

/**
 * The highest counter that is reserved in the store; 0 where none is, or the store could not tell.
 * @construction
 */
export const reservedCounter = (store: Store): number => {
  const payload = new Uint8Array(PAYLOAD_BYTES);
  new KeptRecord(store, RecordKind.COUNTER, NAME, PAYLOAD_BYTES).load(payload);
  return counterIn(payload);
};

/**
 * Counters that are never handed out twice, over reboots too where there is a store: a block of them is
 * reserved there before its first is used, and a boot begins above all that were reserved. Without a store
 * they begin where the app says.
 */
export class CounterBlock {
  /** The highest counter that was handed out, or that may have been. */
  latest: number;
  /** Up to here counters may be handed out. */
  private reserved: number;
  private isLoaded: boolean;
  private readonly record: KeptRecord | null;
  private readonly payload: Uint8Array;

  /**
   * @param latest the highest that was used, as far as the app knows; the store's wins where that is higher
   * @param store null: nothing is kept
   */
  constructor(latest: number, store: Store | null) {
    this.latest = latest;
    this.reserved = store === null ? COUNTER_MAX : latest;
    this.isLoaded = false;
    this.record = store === null ? null : new KeptRecord(store, RecordKind.COUNTER, NAME, PAYLOAD_BYTES);
    this.payload = store === null ? NO_BYTES : new Uint8Array(PAYLOAD_BYTES);
  }

  /** Sees to it that {@link next} has a counter. false: the store failed; ask again later. */
  reserve(): boolean {
    if (this.latest < this.reserved) return true;
    const record = this.record;
    if (record === null) return false;
    if (!this.isLoaded && !this.load(record)) return false;
    const reserved = this.latest + COUNTERS_PER_WRITE;
    if (reserved > COUNTER_MAX) return false;
    const high = Math.floor(reserved / TWO_TO_32);
    writeUint32(this.payload, 0, high);
    writeUint32(this.payload, 4, reserved - high * TWO_TO_32);
    if (!record.save(this.payload, PAYLOAD_BYTES)) return false;
    this.reserved = reserved;
    return true;
  }

  /** A counter that was never handed out before, from 1 on; 0 where none could be reserved. */
  next(): number {
    if (!this.reserve()) return 0;
    this.latest++;
    return this.latest;
  }

  private load(record: KeptRecord): boolean {
    const length = record.load(this.payload);
    if (length === Unread.UNREADABLE) return false;
    if (length === PAYLOAD_BYTES) this.latest = Math.max(this.latest, counterIn(this.payload));
    this.isLoaded = true;
    return true;
  }
}
