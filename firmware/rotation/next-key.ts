import { type CloudOptions, ownerOf } from "../config.js";
import type { Scratch } from "../crypto/scratch.js";
import { whose } from "../proof/owner.js";
import type { Keeper } from "../store/keeper.js";
import {
  KeptRecord,
  PAYLOAD_AT,
  type Payload,
  RECORD_BYTES_MIN,
  RecordKind,
  readUint32,
  Unread,
  writeUint32,
} from "../store/record.js";
import { bytesOf, copyBytes, NO_BYTES, sameBytes } from "../wire/bytes.js";

/** The slots are `motekey-nexta` and `motekey-nextb`. */
const NAME = "motekey-next";
const BOUND_AT = PAYLOAD_AT;
const HEIR_AT = PAYLOAD_AT + 4;
const NEXT_HEIR_AT = PAYLOAD_AT + 8;
const KEY_AT = PAYLOAD_AT + 12;
/** Longest key, bytes: as long as a credential takes. */
export const NEXT_KEY_BYTES_MAX = 128;
const BYTES_MAX = RECORD_BYTES_MIN + 12 + NEXT_KEY_BYTES_MAX;
const BOUND_TO = "motekey next\n";

/** What a boot finds. */
export enum Kept {
  /** No next key, and nothing to mend. */
  NOTHING,
  /** {@link NextKey.key} follows the present one. */
  STAGED,
  /** The present key is the one that followed: power went before all was written. */
  PROVED,
  /** What lies there is of another device, or of a key that this one has no more. */
  STALE,
  UNREADABLE,
}

/** Whose the records are, of the device by its present key and by its next one. */
export interface Owned {
  readonly deviceId: string;
  readonly cloud: CloudOptions;
}

/**
 * The next key in the store, from its coming until it is the present one (RECORD.md, kind 7). What is behind it is kept
 * longer: the records of hosts and revocations bear a digest of the first key, and remain the device's whatever its key
 * is now. So beside each key stands what its digest is to be combined with, its heirloom.
 */
export class NextKey implements Payload {
  /** Empty: there is none. */
  key: Uint8Array;
  private readonly record: KeptRecord;
  private readonly owned: Owned;
  private readonly id: Uint8Array;
  private readonly scratch: Scratch;
  private bound: number;
  private heirloom: number;
  private nextHeirloom: number;

  constructor(keeper: Keeper, owned: Owned, scratch: Scratch) {
    this.key = NO_BYTES;
    this.record = new KeptRecord(keeper, NAME, RecordKind.NEXT_KEY, RecordKind.NEXT_KEY);
    this.owned = owned;
    this.id = bytesOf(BOUND_TO + owned.deviceId);
    this.scratch = scratch;
    this.bound = 0;
    this.heirloom = 0;
    this.nextHeirloom = 0;
  }

  /**
   * Reads what the life before left.
   * @construction
   * @param present the credential's key
   */
  load(present: Uint8Array): Kept {
    const bytes = new Uint8Array(BYTES_MAX);
    const length = this.record.load(bytes);
    const keyBytes = PAYLOAD_AT + length - KEY_AT;
    this.bound = whose(this.scratch, present, this.id);
    this.heirloom = 0;
    this.nextHeirloom = 0;
    this.key = NO_BYTES;
    if (length === Unread.UNREADABLE) return Kept.UNREADABLE;
    if (length < 0 || keyBytes < 0) return Kept.NOTHING;
    const key = new Uint8Array(keyBytes);
    copyBytes(key, 0, bytes, KEY_AT, KEY_AT + keyBytes);
    const isSame = keyBytes === present.length && sameBytes(key, 0, present, 0, keyBytes);
    const isOurs = readUint32(bytes, BOUND_AT) === this.bound;
    if (isSame) this.heirloom = readUint32(bytes, NEXT_HEIR_AT);
    else if (isOurs) {
      this.heirloom = readUint32(bytes, HEIR_AT);
      this.nextHeirloom = readUint32(bytes, NEXT_HEIR_AT);
    }
    bytes.fill(0);
    if (isOurs && !isSame && keyBytes > 0) {
      this.key = key;
      return Kept.STAGED;
    }
    key.fill(0);
    if (isSame) return Kept.PROVED;
    return isOurs ? Kept.NOTHING : Kept.STALE;
  }

  /** Whose the records are, by the digest that the present key gives. */
  ownerBy(digest: number): number {
    return (digest ^ this.heirloom) >>> 0;
  }

  /**
   * Writes the key that is to follow, in both slots.
   * @allocates once in a key's life
   * @returns false: the store did not take it
   */
  stage(present: Uint8Array, key: Uint8Array): boolean {
    const owner = this.ownerBy(ownerOf(this.scratch, present, this.owned.deviceId, this.owned.cloud));
    this.key = key;
    this.nextHeirloom = (owner ^ ownerOf(this.scratch, key, this.owned.deviceId, this.owned.cloud)) >>> 0;
    return this.save();
  }

  /** The next key is the present one, in memory. */
  promote(): void {
    this.bound = whose(this.scratch, this.key, this.id);
    this.heirloom = this.nextHeirloom;
    this.key = NO_BYTES;
    this.nextHeirloom = 0;
  }

  /** There is no next key any more, in memory: nothing is ever proved by what is left of it. */
  drop(): void {
    this.key.fill(0);
    this.key = NO_BYTES;
    this.nextHeirloom = 0;
  }

  /**
   * Writes what is so over both slots, so that neither has another key.
   * @allocates once in a key's life
   * @returns false: the store did not take it
   */
  save(): boolean {
    const bytes = new Uint8Array(BYTES_MAX);
    const isSaved =
      this.record.save(RecordKind.NEXT_KEY, bytes, this) &&
      this.record.save(RecordKind.NEXT_KEY, bytes, this);
    bytes.fill(0);
    return isSaved;
  }

  layOut(bytes: Uint8Array): number {
    writeUint32(bytes, BOUND_AT, this.bound);
    writeUint32(bytes, HEIR_AT, this.heirloom);
    writeUint32(bytes, NEXT_HEIR_AT, this.nextHeirloom);
    return copyBytes(bytes, KEY_AT, this.key, 0, this.key.length) - PAYLOAD_AT;
  }
}
