import { RecordKind } from "../store/record.js";
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

/** One thing under its two names. What is not named in {@link slotsOf} is not so yet. */
export interface Slots {
  readonly name: string;
  readonly most: number;
  readonly least: number;
  /** Of the record that counts. */
  kind: number;
  generation: number;
  slot: number;
  isOld: boolean;
  isRead: boolean;
  /** Whose it is, of a host's; null: nobody's. */
  host: unknown;
}

/** One thing, not read yet; `least` and `most` are the kinds of record that it may have. */
export const slotsOf = (name: string, least: number, most: number): Slots => ({
  name,
  least,
  most,
  kind: least,
  generation: 0,
  slot: 1,
  isOld: false,
  isRead: false,
  host: null,
});

const store = (name: string, value: string): boolean => {
  try {
    return storage.write(name, value);
  } catch (_noRoom) {
    return false;
  }
};

/** The payload that counts, or why there is none. */
export function load(slots: Slots, nowMs: number): string | Unread {
  for (;;) {
    let payload: string | Unread = Unread.ABSENT;
    slots.generation = 0;
    slots.slot = 1;
    slots.kind = slots.least;
    for (let slot = 0; slot < 2; slot++) {
      const record = storage.read(slots.name + "ab"[slot]);
      if (record === undefined) continue;
      const to = record.length - 4;
      const kind = to < 10 ? 0 : record.charCodeAt(3);
      const version = to < 10 ? 0 : record.charCodeAt(2);
      const isWhole =
        kind >= slots.least &&
        kind <= slots.most &&
        version >= 1 &&
        version <= (kind < RecordKind.VACANT ? 1 : 2) &&
        record.substr(0, 2) === "mk" &&
        uint(record, 8, 2) === to - 10 &&
        record.substr(to) === u32(E.CRC32(record.substr(0, to)));
      const generation = isWhole ? uint(record, 4, 4) : 0;
      if (generation > slots.generation) {
        slots.generation = generation;
        slots.slot = slot;
        slots.kind = kind;
        slots.isOld = kind >= RecordKind.VACANT && version < 2;
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
export function save(slots: Slots, kind: number, payload: string, nowMs: number): boolean {
  const slot = 1 - slots.slot;
  if (nowMs < waitsUntilMs) return false;
  // Bit by bit: a template's parts stand deep on the stack.
  let record = "mk";
  record += chr(kind < RecordKind.VACANT ? 1 : 2, kind);
  record += u32(slots.generation + 1);
  record += u16(payload.length);
  record += payload;
  const sum = E.CRC32(record);
  record += u32(sum);
  const name = slots.name + "ab"[slot];
  let isWritten = false;
  for (let attempts = 0; attempts < 2 && !isWritten; attempts++) {
    try {
      if (!storage.write(name, record)) break;
    } catch (_noRoom) {
      break;
    }
    isWritten = storage.read(name) === record;
  }
  if (isWritten) {
    slots.kind = kind;
    slots.isOld = false;
    slots.generation++;
    slots.slot = slot;
  }
  return wrote(isWritten, nowMs);
}
