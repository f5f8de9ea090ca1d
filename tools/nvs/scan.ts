/** Looks through a partition page by page, as ESP-IDF does when it starts, and names all that is not as it should be. */
import { printable } from "../cli/failure.js";
import {
  Code,
  crc32,
  ENTRIES_PER_PAGE,
  ENTRY_BYTES,
  EntryState,
  entriesOf,
  entryAt,
  entryCrc,
  entryState,
  KEY_BYTES,
  NO_CHUNK,
  NUMBERS,
  type NvsType,
  PAGE_BYTES,
  PageState,
  VERSION_BYTES,
} from "./format.js";
import { keyAt } from "./writer.js";

/** What is wrong, and where. */
export interface Finding {
  /** `damage`: bytes are not as they were written. `leftover`: ESP-IDF tidies it up by itself, nothing is lost. */
  readonly level: "damage" | "leftover";
  /** From 0, as it lies in the partition. */
  readonly page: number;
  /** From 0; null: the whole page. */
  readonly entry: number | null;
  readonly what: string;
}

/** What a page holds. */
export interface PageUse {
  readonly state: "blank" | "active" | "full" | "freeing" | "damaged";
  /** Which page was begun when; null where that is not known. */
  readonly sequence: number | null;
  readonly version: number | null;
  readonly written: number;
  readonly erased: number;
  readonly empty: number;
}

/** An entry where it lies, before namespaces are named and chunks are joined: nothing of it is copied. */
export class Entry {
  readonly code: number;
  /** Its namespace, and its chunk number behind that: 16 bits. */
  readonly place: number;
  /** Of its key: equal where keys are equal, and seldom elsewhere. */
  readonly hash: number;
  /** A part of a blob whose index was found. */
  isJoined = false;
  /** Of an index whose parts were found: the only one, or the bytes of all. */
  whole: Entry | Buffer | null = null;
  private readonly keyLength: number;

  /**
   * @param at where it lies in `bytes`
   * @param isActive on the page that ESP-IDF writes to, where a later entry replaces an earlier one
   */
  constructor(
    private readonly bytes: Buffer,
    private readonly at: number,
    readonly page: number,
    readonly entry: number,
    readonly isActive: boolean,
  ) {
    this.code = bytes[at + 1] as number;
    this.place = placeOf(bytes[at] as number, bytes[at + 3] as number);
    let hash = 0;
    let length = 0;
    for (; length < KEY_BYTES; length++) {
      const byte = bytes[at + 8 + length] as number;
      if (byte === 0) break;
      hash = Math.imul(hash ^ byte, FNV_PRIME);
    }
    this.keyLength = length;
    this.hash = hash;
  }

  get namespace(): number {
    return this.place >> 8;
  }

  get chunk(): number {
    return this.place & 0xff;
  }

  get key(): string {
    return this.bytes.toString("latin1", this.at + 8, this.at + 8 + this.keyLength);
  }

  get type(): NvsType {
    return NUMBER_TYPES.get(this.code) ?? (this.code === Code.STRING ? "string" : "blob");
  }

  /** A view, but of a blob in several parts; of an index without {@link whole} its own eight bytes. */
  get data(): Buffer {
    const { bytes, at, whole } = this;
    if (whole !== null) return whole instanceof Entry ? whole.data : whole;
    const inside = BYTES_INSIDE[this.code] as number;
    if (inside !== 0) return bytes.subarray(at + 24, at + 24 + inside);
    return bytes.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + bytes.readUInt16LE(at + 24));
  }

  /** Whether both have one key. */
  hasKeyOf(other: Entry): boolean {
    if (this.hash !== other.hash || this.keyLength !== other.keyLength) return false;
    for (let i = 8; i < 8 + this.keyLength; i++)
      if (this.bytes[this.at + i] !== other.bytes[other.at + i]) return false;
    return true;
  }
}

/** A namespace and a chunk number as {@link Entry.place} has them. */
export const placeOf = (namespace: number, chunk: number): number => namespace * 256 + chunk;

/** A partition as it lies in flash, decrypted. */
export interface Scan {
  readonly pages: readonly PageUse[];
  /** In the order in which they were written. */
  readonly entries: readonly Entry[];
  readonly findings: readonly Finding[];
}

/** The types of the codes whose value lies within the entry. */
export const NUMBER_TYPES: ReadonlyMap<number, NvsType> = new Map(
  Object.entries(NUMBERS).map(([type, { code }]) => [code, type as NvsType]),
);

/** How many bytes of its value an entry of each code has inside; 0: they lie behind it. */
const BYTES_INSIDE = new Uint8Array(256);
for (const { code, bytes } of Object.values(NUMBERS)) BYTES_INSIDE[code] = bytes;
BYTES_INSIDE[Code.BLOB_INDEX] = 8;
const KNOWN = new Uint8Array(BYTES_INSIDE.map((bytes) => bytes && 1));
for (const code of [Code.STRING, Code.BLOB, Code.BLOB_DATA]) KNOWN[code] = 1;

/** Of FNV-1a. */
const FNV_PRIME = 0x01000193;

const STATES: ReadonlyMap<number, PageUse["state"]> = new Map([
  [PageState.ACTIVE, "active"],
  [PageState.FULL, "full"],
  [PageState.FREEING, "freeing"],
]);

/** @param bytes whole pages, decrypted */
export function scan(bytes: Buffer): Scan {
  return new Scanner(bytes).scanned();
}

/** Where the entries lie that are written: those that an encrypted partition has encrypted. */
export function usedEntries(bytes: Buffer): number[] {
  const offsets: number[] = [];
  for (let page = 0; page < bytes.length; page += PAGE_BYTES) {
    if (!STATES.has(bytes.readUInt32LE(page))) continue;
    for (let entry = 0; entry < ENTRIES_PER_PAGE; entry++)
      if (entryState(bytes, page, entry) === EntryState.WRITTEN) offsets.push(entryAt(page, entry));
  }
  return offsets;
}

class Scanner {
  private readonly findings: Finding[] = [];
  private readonly blank = Buffer.alloc(PAGE_BYTES, 0xff);
  /** Of the entries of the page that is looked at. */
  private readonly states = new Uint8Array(ENTRIES_PER_PAGE);

  constructor(private readonly bytes: Buffer) {}

  scanned(): Scan {
    const pages: PageUse[] = [];
    const found = new Map<number, Entry[]>();
    for (let number = 0; number * PAGE_BYTES < this.bytes.length; number++) {
      const page = this.header(number);
      pages.push(page);
      if (page.sequence === null) continue;
      const { sequence } = page;
      if (found.has(sequence))
        this.damage(number, null, `its sequence number ${sequence} is that of another page`);
      else found.set(sequence, this.entries(number, page.state === "active"));
    }
    const entries: Entry[] = [];
    for (const sequence of [...found.keys()].sort((a, b) => a - b))
      for (const entry of found.get(sequence) as Entry[]) entries.push(entry);
    return { pages, entries, findings: this.findings };
  }

  private header(number: number): PageUse {
    const at = number * PAGE_BYTES;
    const word = this.bytes.readUInt32LE(at);
    const unused = { sequence: null, version: null, written: 0, erased: 0, empty: ENTRIES_PER_PAGE };
    if (word === PageState.BLANK) {
      if (this.bytes.compare(this.blank, 0, PAGE_BYTES, at, at + PAGE_BYTES) !== 0)
        this.leftover(number, null, "its header is blank and the rest is not: a page that was being erased");
      return { state: "blank", ...unused };
    }
    const state = STATES.get(word);
    if (state === undefined) this.damage(number, null, `its state ${word.toString(16)} is none`);
    else if (this.bytes.readUInt32LE(at + 28) !== crc32(this.bytes, at + 4, at + 28))
      this.damage(number, null, "the CRC of its header does not fit");
    else {
      const version = 0x100 - (this.bytes[at + 8] as number);
      if (version > 0x100 - VERSION_BYTES[2])
        this.damage(number, null, `its version ${version} is not known here`);
      else return { state, sequence: this.bytes.readUInt32LE(at + 4), version, ...this.count(at) };
    }
    return { state: "damaged", ...unused };
  }

  /** Reads the states of a page's entries, and counts them. */
  private count(page: number): { written: number; erased: number; empty: number } {
    const { states } = this;
    let [written, erased, empty] = [0, 0, 0];
    for (let entry = 0; entry < ENTRIES_PER_PAGE; entry++) {
      const state = entryState(this.bytes, page, entry);
      states[entry] = state;
      if (state === EntryState.WRITTEN) written++;
      else if (state === EntryState.ERASED) erased++;
      else if (state === EntryState.EMPTY) empty++;
      else this.damage(page / PAGE_BYTES, entry, "its state 1 is none");
    }
    return { written, erased, empty };
  }

  /** Of the page whose states were read last. */
  private entries(number: number, isActive: boolean): Entry[] {
    const { bytes, states } = this;
    const page = number * PAGE_BYTES;
    const end = isActive ? this.nextFree(number) : ENTRIES_PER_PAGE;
    const found: Entry[] = [];
    let span = 1;
    for (let entry = 0; entry < end; entry += span) {
      span = 1;
      if (states[entry] !== EntryState.WRITTEN) continue;
      const at = entryAt(page, entry);
      const why = this.wrongWith(at, entry);
      if (why !== null) {
        this.damage(number, entry, why);
        continue;
      }
      span = bytes[at + 2] as number;
      if (!this.isWhole(entry, span))
        this.leftover(number, entry, `'${this.name(at)}' was written or erased in part`);
      else if (
        BYTES_INSIDE[bytes[at + 1] as number] === 0 &&
        bytes.readUInt32LE(at + 28) !== this.dataCrc(at)
      )
        this.damage(number, entry, `the CRC of the data of '${this.name(at)}' does not fit`);
      else found.push(new Entry(bytes, at, number, entry, isActive));
    }
    return found;
  }

  private dataCrc(at: number): number {
    const from = at + ENTRY_BYTES;
    return crc32(this.bytes, from, from + this.bytes.readUInt16LE(at + 24));
  }

  /** The first entry of the active page that is free: ESP-IDF looks no further. */
  private nextFree(number: number): number {
    const page = number * PAGE_BYTES;
    let free = 0;
    while (free < ENTRIES_PER_PAGE && this.states[free] !== EntryState.EMPTY) free++;
    // Of an entry that was cut while it was written the table does not know.
    while (free < ENTRIES_PER_PAGE && this.bytes.readUInt32LE(entryAt(page, free)) !== PageState.BLANK) {
      this.leftover(number, free++, "was being written when the power went");
    }
    for (let entry = free; entry < ENTRIES_PER_PAGE; entry++)
      if (this.states[entry] === EntryState.WRITTEN)
        this.damage(number, entry, "lies behind the end of what is in use");
    return free;
  }

  /** Why bytes are no entry; null: they are one. */
  private wrongWith(at: number, entry: number): string | null {
    const { bytes } = this;
    if (bytes.readUInt32LE(at + 4) !== entryCrc(bytes, at)) return "its CRC does not fit";
    const code = bytes[at + 1] as number;
    const span = bytes[at + 2] as number;
    const wanted = BYTES_INSIDE[code] !== 0 ? 1 : 1 + entriesOf(bytes.readUInt16LE(at + 24));
    if (KNOWN[code] === 0)
      return `'${this.name(at)}' is of the type ${code.toString(16)}, which is not known here`;
    if (span !== wanted || entry + span > ENTRIES_PER_PAGE)
      return `'${this.name(at)}' takes ${span} entries instead of ${wanted}`;
    if ((code === Code.BLOB_DATA) === (bytes[at + 3] === NO_CHUNK))
      return `'${this.name(at)}' has the chunk number ${bytes[at + 3]}`;
    if (bytes[at + 8] === 0 || bytes[at + 23] !== 0) return "its key is empty or does not end";
    return null;
  }

  private isWhole(entry: number, span: number): boolean {
    for (let i = entry + 1; i < entry + span; i++) if (this.states[i] !== EntryState.WRITTEN) return false;
    return true;
  }

  private name(at: number): string {
    return printable(keyAt(this.bytes, at));
  }

  private damage(page: number, entry: number | null, what: string): void {
    this.findings.push({ level: "damage", page, entry, what });
  }

  private leftover(page: number, entry: number | null, what: string): void {
    this.findings.push({ level: "leftover", page, entry, what });
  }
}
