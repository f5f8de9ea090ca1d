import { RecordKind } from "../keep/record.js";
import { chr, u16, u32, uint } from "./proofs.js";

/** What the device keeps, as RECORD.md has it, in the engine's Storage. */

const storage = require("Storage");
const MARK = "motekey-mark";

/** Beside a payload's place: why there is none. */
export enum Unread {
  ABSENT = -1,
  UNREADABLE = -2,
  BROKEN = -3,
}

/** Writes wait after one that failed. */
let isMarked = false;
let waitMs = 0;
let waitsUntilMs = 0;

/** How a write went. */
const wrote = (isKept: boolean, nowMs: number): boolean => {
  waitMs = isKept ? 0 : Math.min(2 * waitMs + 1000, 14400000);
  waitsUntilMs = nowMs + waitMs;
  return isKept;
};

/** One thing under its two names. */
export class Slots {
  /** Of the record that counts. */
  kind: number;
  isOld: boolean;
  isRead: boolean;
  /** Whose it is, of a host's; null: nobody's. */
  host: unknown;
  private readonly name: string;
  private readonly most: number;
  private readonly least: number;
  private generation: number;
  private slot: number;

  constructor(name: string, least: number, most: number) {
    this.name = name;
    this.least = least;
    this.most = most;
    this.kind = least;
    this.generation = 0;
    this.slot = 1;
    this.isOld = false;
  }

  /** The payload that counts, or why there is none. */
  load(nowMs: number): string | Unread {
    for (;;) {
      let payload: string | Unread = Unread.ABSENT;
      this.generation = 0;
      this.slot = 1;
      this.kind = this.least;
      for (let slot = 0; slot < 2; slot++) {
        const record = storage.read(this.name + "ab"[slot]);
        if (record === undefined) continue;
        const to = record.length - 4;
        const kind = to < 10 ? 0 : record.charCodeAt(3);
        const version = to < 10 ? 0 : record.charCodeAt(2);
        const isWhole =
          kind >= this.least &&
          kind <= this.most &&
          version >= 1 &&
          version <= (kind < RecordKind.VACANT ? 1 : 2) &&
          record.substr(0, 2) === "mk" &&
          uint(record, 8, 2) === to - 10 &&
          record.substr(to) === u32(E.CRC32(record.substr(0, to)));
        const generation = isWhole ? uint(record, 4, 4) : 0;
        if (generation > this.generation) {
          this.generation = generation;
          this.slot = slot;
          this.kind = kind;
          this.isOld = kind >= RecordKind.VACANT && version < 2;
          payload = record.substr(10, to - 10);
        } else if (typeof payload !== "string") payload = Unread.BROKEN;
      }
      if (payload !== Unread.ABSENT || isMarked) return payload;
      // A store that does not keep the mark cannot be read either.
      isMarked = storage.read(MARK) !== undefined;
      if (!isMarked && nowMs >= waitsUntilMs) {
        store(MARK, "\0");
        isMarked = storage.read(MARK) !== undefined;
        if (!isMarked) wrote(false, nowMs);
      }
      if (!isMarked) return Unread.UNREADABLE;
    }
  }

  /** Writes the other name, reads it back, and only then counts it. */
  save(kind: number, payload: string, nowMs: number): boolean {
    const slot = 1 - this.slot;
    if (nowMs < waitsUntilMs) return false;
    let record = `mk${chr(kind < RecordKind.VACANT ? 1 : 2, kind)}${u32(this.generation + 1)}${u16(payload.length)}${payload}`;
    record += u32(E.CRC32(record));
    for (let attempts = 0; attempts < 2 && store(this.name + "ab"[slot], record); attempts++) {
      if (storage.read(this.name + "ab"[slot]) !== record) continue;
      this.kind = kind;
      this.isOld = false;
      this.generation++;
      this.slot = slot;
      return wrote(true, nowMs);
    }
    return wrote(false, nowMs);
  }
}

const store = (name: string, value: string): boolean => {
  try {
    return storage.write(name, value);
  } catch (_noRoom) {
    return false;
  }
};
