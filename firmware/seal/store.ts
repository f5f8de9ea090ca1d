import { checkGroup, type Group, Kind, type RowsOf } from "../options.js";
import type { Entropy, Store } from "../ports.js";
import { Status } from "../status.js";
import { RECORD_BYTES_MIN, RecordKind, readUint32, writeUint32 } from "../store/record.js";
import { copyBytes, sameBytes } from "../wire/bytes.js";
import { Envelope, finish, isSealed, isSecret, isWhole } from "./envelope.js";
import { type SealKey, Strength } from "./key.js";
import { secretbox } from "./secretbox.js";
import type { Suite } from "./suite.js";

const KIND_AT = 3;
const GENERATION_AT = 4;
const ABSENT = -1;
const UNREADABLE = -2;
const SLOTS = "ab";

/** The options of {@link SealedStore}. */
export interface SealOptions {
  readonly key: SealKey;
  /** The source of nonces. */
  readonly entropy: Entropy;
  /** Secretbox when absent. */
  readonly suite?: Suite;
  /**
   * What to do with an unsealed secret: `seal`, the default, seals it in both of its slots; `refuse`
   * ignores it, for when all devices of a fleet are sealed.
   */
  readonly onPlain?: "seal" | "refuse";
}

/** The rules for {@link SealOptions}. @construction */
const sealGroup = (): Group => {
  const needed = Kind.FUNCTION + Kind.NEEDED;
  const key: RowsOf<SealKey> = { strength: Kind.COUNT + Kind.NEEDED, secret: Kind.KEY + Kind.NEEDED };
  const entropy: RowsOf<Entropy> = { fill: needed };
  const suite: RowsOf<Suite> = {
    number: Kind.COUNT + Kind.NEEDED,
    tagBytes: Kind.WHOLE + Kind.NEEDED,
    seal: needed,
    open: needed,
  };
  const rows: RowsOf<SealOptions> = {
    key: { rows: key, isNeeded: true },
    entropy: { rows: entropy, isOpen: true, isNeeded: true },
    suite: { rows: suite, isOpen: true },
    onPlain: ["seal", "refuse"],
  };
  return { rows };
};

/** What lies in one slot. */
interface Found {
  /** The record, without its seal; null: there is no whole one. */
  readonly record: Uint8Array | null;
  readonly isAbsent: boolean;
  /** It lies there as it is, and may hold a secret. */
  readonly isPlain: boolean;
}

const NOTHING: Found = { record: null, isAbsent: true, isPlain: false };
const BROKEN: Found = { record: null, isAbsent: false, isPlain: false };

const generationOf = (found: Found): number =>
  found.record === null ? 0 : readUint32(found.record, GENERATION_AT);

/**
 * A store that seals the records that may hold a secret: credential and tokens, and every later kind.
 * To the client it is a store like any other. It seals an earlier, unsealed record
 * when its name is first read: one slot at a time, while the other stays whole.
 *
 * It allocates at each reading and writing of such a record: at boot, when a client ends, and when a credential is written.
 */
export class SealedStore implements Store {
  /** Why the record read last did not open; OK: it did, or none was read. */
  refused: Status;
  private readonly store: Store;
  private readonly envelope: Envelope;
  private readonly isRefusing: boolean;
  /** Things whose two slots were looked at in this life, by their names. */
  private readonly settled: string[];
  /** Names under which a secret lies as it is. */
  private readonly plain: string[];

  /** @throws Error that says what is wrong with the key */
  constructor(store: Store, options: SealOptions) {
    checkGroup("seal", options, sealGroup());
    const suite = options.suite === undefined ? secretbox : options.suite;
    this.refused = Status.OK;
    this.store = store;
    this.envelope = new Envelope(options.key, suite, options.entropy);
    this.isRefusing = options.onPlain === "refuse";
    this.settled = [];
    this.plain = [];
  }

  /** How the records are protected; `unsealed` while any secret is unsealed. */
  get sealing(): string {
    for (let i = 0; i < this.plain.length; i++) if (this.plain[i].length > 0) return "unsealed";
    return this.envelope.strength === Strength.SEALED ? "sealed" : "obfuscated";
  }

  /** @allocates at boot, and when what was written is read back */
  read(name: string, out: Uint8Array): number {
    if (!this.settle(name)) return UNREADABLE;
    const readBytes = this.store.read(name, out);
    if (name.substr(name.length - 1, 1) === "a") this.refused = Status.OK;
    if (readBytes < RECORD_BYTES_MIN || (!isSealed(out, readBytes) && !isSecret(out))) return readBytes;
    const found = this.look(name);
    if (found === null) return UNREADABLE;
    const record = found.record;
    out.fill(0);
    if (record === null) return readBytes;
    copyBytes(out, 0, record, 0, Math.min(record.length, out.length));
    record.fill(0);
    return record.length;
  }

  /** @allocates what is sealed */
  write(name: string, bytes: Uint8Array, length: number): boolean {
    const isPublic = length < RECORD_BYTES_MIN || !isSecret(bytes);
    const value = isPublic ? bytes : this.envelope.seal(name, bytes, length);
    const isWritten = this.store.write(name, value, isPublic ? length : value.length);
    const at = this.plain.indexOf(name);
    if (isWritten && at >= 0) this.plain[at] = "";
    return isWritten;
  }

  /**
   * Once in a life, before the first reading of a thing: a secret that lies there as it is, and what a cut left of one,
   * is written over by the newest record, sealed. The newest itself comes last, when the other slot is whole.
   * @allocates at boot
   * @returns false: the store failed
   */
  private settle(name: string): boolean {
    const slot = SLOTS.indexOf(name.substr(name.length - 1, 1));
    const thing = name.substr(0, name.length - 1);
    if (slot < 0 || this.settled.indexOf(thing) >= 0) return true;
    const one = this.look(`${thing}a`);
    const other = one === null ? null : this.look(`${thing}b`);
    if (one === null || other === null) return false;
    // What is absent may be hidden yet, and is looked for again.
    if (one.isAbsent && other.isAbsent) return true;
    this.settled.push(thing);
    const isFirst = generationOf(one) >= generationOf(other);
    const newest = isFirst ? one : other;
    const older = isFirst ? other : one;
    const record = newest.record;
    if (record === null) return true;
    const isLeft = older.isPlain || (older.record === null && !older.isAbsent);
    if (record[KIND_AT] !== RecordKind.COUNTER && (isLeft || newest.isPlain)) {
      const isRewritten = this.rewrite(thing + SLOTS.substr(isFirst ? 1 : 0, 1), record);
      if (isRewritten && newest.isPlain) this.rewrite(thing + SLOTS.substr(isFirst ? 0 : 1, 1), record);
    }
    record.fill(0);
    if (older.record !== null) older.record.fill(0);
    return true;
  }

  /**
   * Reads one slot.
   * @allocates what lies there
   * @returns null: the store failed
   */
  private look(name: string): Found | null {
    const head = new Uint8Array(RECORD_BYTES_MIN);
    const length = this.store.read(name, head);
    if (length === ABSENT) return NOTHING;
    if (length < 0) return null;
    const bytes = new Uint8Array(length);
    if (this.store.read(name, bytes) !== length) return null;
    if (!isWhole(bytes, length)) return BROKEN;
    if (isSealed(bytes, length)) {
      const record = this.envelope.open(name, bytes, length);
      if (record === null) this.refused = this.envelope.refused;
      return record === null ? BROKEN : { record, isAbsent: false, isPlain: false };
    }
    const isPlain = isSecret(bytes);
    if (isPlain && this.isRefusing) {
      this.refused = Status.SEAL_MISSING;
      return BROKEN;
    }
    if (isPlain && this.plain.indexOf(name) < 0) this.plain.push(name);
    return { record: bytes, isAbsent: false, isPlain };
  }

  /**
   * Writes a record of the next generation and reads it back; twice, since flash that was cut may lose the first.
   * @allocates at boot
   */
  private rewrite(name: string, record: Uint8Array): boolean {
    writeUint32(record, GENERATION_AT, readUint32(record, GENERATION_AT) + 1);
    finish(record, record.length - RECORD_BYTES_MIN);
    for (let attempts = 0; attempts < 2; attempts++) {
      if (!this.write(name, record, record.length)) return false;
      const found = this.look(name);
      const back = found === null ? null : found.record;
      if (back !== null && back.length === record.length && sameBytes(back, 0, record, 0, back.length)) {
        back.fill(0);
        return true;
      }
    }
    return false;
  }
}
