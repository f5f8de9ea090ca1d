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

/** An entry with its data, before namespaces are named and chunks are joined. */
export interface Entry {
  readonly page: number;
  readonly entry: number;
  /** Lies on the page that ESP-IDF writes to, where a later entry replaces an earlier one. */
  readonly isActive: boolean;
  readonly namespace: number;
  readonly code: number;
  readonly chunk: number;
  readonly key: string;
  /** Of numbers and indices: the eight bytes of the entry. */
  readonly data: Buffer;
}

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
const WITH_DATA: ReadonlySet<number> = new Set([Code.STRING, Code.BLOB, Code.BLOB_DATA]);

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
    const sequences = [...found.keys()].sort((a, b) => a - b);
    const entries = sequences.flatMap((sequence) => found.get(sequence) as Entry[]);
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

  private count(page: number): { written: number; erased: number; empty: number } {
    const counts = [0, 0, 0, 0];
    for (let entry = 0; entry < ENTRIES_PER_PAGE; entry++) {
      const state = entryState(this.bytes, page, entry);
      counts[state] = (counts[state] as number) + 1;
      if (state === 1) this.damage(page / PAGE_BYTES, entry, "its state 1 is none");
    }
    const [erased = 0, , written = 0, empty = 0] = counts;
    return { written, erased, empty };
  }

  private entries(number: number, isActive: boolean): Entry[] {
    const page = number * PAGE_BYTES;
    const end = isActive ? this.nextFree(number) : ENTRIES_PER_PAGE;
    const found: Entry[] = [];
    let span = 1;
    for (let entry = 0; entry < end; entry += span) {
      span = 1;
      if (entryState(this.bytes, page, entry) !== EntryState.WRITTEN) continue;
      const at = entryAt(page, entry);
      const why = this.wrongWith(at, entry);
      if (why !== null) {
        this.damage(number, entry, why);
        continue;
      }
      span = this.bytes[at + 2] as number;
      if (this.isWhole(page, entry, span)) this.take(found, number, entry, isActive);
      else this.leftover(number, entry, `'${this.name(at)}' was written or erased in part`);
    }
    return found;
  }

  private take(found: Entry[], number: number, entry: number, isActive: boolean): void {
    const at = entryAt(number * PAGE_BYTES, entry);
    const { bytes } = this;
    const code = bytes[at + 1] as number;
    const hasData = WITH_DATA.has(code);
    const from = hasData ? at + ENTRY_BYTES : at + 24;
    const data = bytes.subarray(from, from + (hasData ? bytes.readUInt16LE(at + 24) : 8));
    if (hasData && bytes.readUInt32LE(at + 28) !== crc32(data)) {
      this.damage(number, entry, `the CRC of the data of '${this.name(at)}' does not fit`);
      return;
    }
    found.push({
      page: number,
      entry,
      isActive,
      namespace: bytes[at] as number,
      code,
      chunk: bytes[at + 3] as number,
      key: keyAt(bytes, at),
      data,
    });
  }

  /** The first entry of the active page that is free: ESP-IDF looks no further. */
  private nextFree(number: number): number {
    const page = number * PAGE_BYTES;
    let free = 0;
    while (free < ENTRIES_PER_PAGE && entryState(this.bytes, page, free) !== EntryState.EMPTY) free++;
    // Of an entry that was cut while it was written the table does not know.
    while (free < ENTRIES_PER_PAGE && this.bytes.readUInt32LE(entryAt(page, free)) !== PageState.BLANK) {
      this.leftover(number, free++, "was being written when the power went");
    }
    for (let entry = free; entry < ENTRIES_PER_PAGE; entry++)
      if (entryState(this.bytes, page, entry) === EntryState.WRITTEN)
        this.damage(number, entry, "lies behind the end of what is in use");
    return free;
  }

  /** Why bytes are no entry; null: they are one. */
  private wrongWith(at: number, entry: number): string | null {
    const { bytes } = this;
    if (bytes.readUInt32LE(at + 4) !== entryCrc(bytes, at)) return "its CRC does not fit";
    const code = bytes[at + 1] as number;
    const span = bytes[at + 2] as number;
    const hasData = WITH_DATA.has(code);
    const wanted = hasData ? 1 + entriesOf(bytes.readUInt16LE(at + 24)) : 1;
    if (!hasData && code !== Code.BLOB_INDEX && !NUMBER_TYPES.has(code))
      return `'${this.name(at)}' is of the type ${code.toString(16)}, which is not known here`;
    if (span !== wanted || entry + span > ENTRIES_PER_PAGE)
      return `'${this.name(at)}' takes ${span} entries instead of ${wanted}`;
    if ((code === Code.BLOB_DATA) === (bytes[at + 3] === NO_CHUNK))
      return `'${this.name(at)}' has the chunk number ${bytes[at + 3]}`;
    if (bytes[at + 8] === 0 || bytes[at + 23] !== 0) return "its key is empty or does not end";
    return null;
  }

  private isWhole(page: number, entry: number, span: number): boolean {
    for (let i = entry + 1; i < entry + span; i++)
      if (entryState(this.bytes, page, i) !== EntryState.WRITTEN) return false;
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
