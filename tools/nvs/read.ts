/** Reads a partition: what ESP-IDF would find in it when it starts. */
import { printable } from "../cli/failure.js";
import { Code, NAMESPACE_INDEX_MAX, NAMESPACES, NO_CHUNK, NUMBERS, type NvsType } from "./format.js";
import type { NvsKeys } from "./keys.js";
import { Entry, type Finding, type PageUse, placeOf, scan, usedEntries } from "./scan.js";
import { checkSize, unfit } from "./writer.js";

/** An entry as it is kept: a value, or the name of a namespace. */
export interface Kept {
  /** The index of its namespace; 0: it names one. */
  readonly namespace: number;
  readonly key: string;
  readonly type: NvsType;
  readonly data: Uint8Array;
}

/** What a partition holds. */
export interface Reading {
  readonly size: number;
  readonly isEncrypted: boolean;
  readonly pages: readonly PageUse[];
  /** Values and namespaces in the order in which they were written. */
  readonly kept: readonly Kept[];
  /** The indices of namespaces by their names. */
  readonly namespaces: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
}

/**
 * Reads a partition.
 * @param bytes all of it; not changed
 * @param keys null: it is not encrypted
 * @throws Failure where it is no partition, or is encrypted though there are no keys, or the other way round
 */
export function readPartition(bytes: Uint8Array, keys: NvsKeys | null): Reading {
  checkSize(bytes.length);
  const stored = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const plain = scan(stored);
  if (keys === null) {
    refuseUnreadable(plain.findings, plain.entries.length, stored, "encrypted");
    return new Joiner(stored.length, false, plain.pages, [...plain.findings]).read(plain.entries);
  }
  if (plain.entries.length > 0)
    throw unfit(
      "The partition is not encrypted, and keys were given.",
      "Leave the keys out; a device that expects an encrypted partition erases what lies in this one.",
    );
  const decrypted = Buffer.from(stored);
  keys.decrypt(decrypted, usedEntries(decrypted));
  const inside = scan(decrypted);
  refuseUnreadable(inside.findings, inside.entries.length, stored, "other keys'");
  return new Joiner(stored.length, true, inside.pages, [...inside.findings]).read(inside.entries);
}

/** A partition in use of which no entry can be read is not damaged: it is another's. */
function refuseUnreadable(
  findings: readonly Finding[],
  readable: number,
  stored: Buffer,
  whose: "encrypted" | "other keys'",
): void {
  if (readable > 0 || !findings.some(({ entry }) => entry !== null) || usedEntries(stored).length === 0)
    return;
  if (whose === "encrypted")
    throw unfit(
      "The partition is encrypted, or is no NVS: none of its entries can be read.",
      "Give its keys. A plain image in its place would be erased by the device.",
    );
  throw unfit(
    "These are not the keys of the partition: none of its entries can be read.",
    "Give its own keys.",
  );
}

/** Names namespaces, joins the chunks of blobs, and settles what is there twice. */
class Joiner {
  private readonly namespaces = new Map<string, number>();
  private readonly names = new Map<number, string>();

  constructor(
    private readonly size: number,
    private readonly isEncrypted: boolean,
    private readonly pages: readonly PageUse[],
    private readonly findings: Finding[],
  ) {}

  read(entries: readonly Entry[]): Reading {
    this.checkPages();
    const places = new Places(entries);
    const counted = this.settled(entries, places);
    for (const entry of counted) if (entry.namespace === NAMESPACES) this.name(entry);
    const kept: Kept[] = [];
    for (const entry of counted) {
      if (entry.code === Code.BLOB_DATA) continue;
      if (entry.namespace !== NAMESPACES && !this.names.has(entry.namespace)) {
        this.damage(entry, `'${printable(entry.key)}' is in namespace ${entry.namespace}, which has no name`);
      } else if (entry.code !== Code.BLOB_INDEX || this.join(entry, places)) kept.push(entry);
    }
    for (const entry of counted)
      if (entry.code === Code.BLOB_DATA && !entry.isJoined)
        this.leftover(entry, `'${printable(entry.key)}' is a part of a blob that is not there`);
    const { size, isEncrypted, pages, namespaces, findings } = this;
    return { size, isEncrypted, pages, kept, namespaces, findings };
  }

  private checkPages(): void {
    const freeing = this.pages.findIndex(({ state }) => state === "freeing");
    if (freeing !== -1)
      this.findings.push({
        level: "damage",
        page: freeing,
        entry: null,
        what: "is being tidied up: let the device start once, which ends that",
      });
    if (!this.pages.some(({ state }) => state === "blank"))
      this.findings.push({
        level: "damage",
        page: 0,
        entry: null,
        what: "no page is free: ESP-IDF does not start",
      });
  }

  /** Of entries with the same key the one that ESP-IDF serves, each in its place. */
  private settled(entries: readonly Entry[], places: Places): readonly Entry[] {
    const dropped = new Set<Entry>();
    const last = entries.at(-1);
    for (const [number, entry] of entries.entries()) {
      const other = places.put(number);
      if (other === undefined) continue;
      if ((other.isActive && entry.isActive) || (entry === last && isSameKind(other, entry))) {
        this.leftover(other, `'${printable(entry.key)}' has a newer value`);
        dropped.add(other);
        places.replace(number);
        continue;
      }
      dropped.add(entry);
      if (isSameKind(other, entry))
        this.leftover(entry, `'${printable(entry.key)}' is there twice: ESP-IDF serves the older value`);
      else this.damage(entry, `'${printable(entry.key)}' is there twice, with two types`);
    }
    return dropped.size === 0 ? entries : entries.filter((entry) => !dropped.has(entry));
  }

  private name(entry: Entry): void {
    const index = entry.data[0] as number;
    if (entry.code !== NUMBERS.u8.code || index === NAMESPACES || index > NAMESPACE_INDEX_MAX)
      this.damage(entry, `the namespace '${printable(entry.key)}' has no index`);
    else if (this.names.has(index))
      this.damage(
        entry,
        `the namespaces '${printable(entry.key)}' and '${this.names.get(index)}' have one index`,
      );
    else {
      this.names.set(index, entry.key);
      this.namespaces.set(entry.key, index);
    }
  }

  /** Joins the blob of an index. @returns false where a part is missing: to ESP-IDF the blob is not there */
  private join(index: Entry, places: Places): boolean {
    const { data } = index;
    const size = data.readUInt32LE(0);
    const count = data[4] as number;
    const start = data[5] as number;
    const parts: Entry[] = [];
    for (let chunk = start; chunk < Math.min(start + count, NO_CHUNK); chunk++) {
      const part = places.chunkOf(index, chunk);
      if (part === undefined) break;
      part.isJoined = true;
      parts.push(part);
    }
    const [only] = parts;
    const whole =
      parts.length === 1 && only !== undefined ? only : Buffer.concat(parts.map((part) => part.data));
    if (parts.length === count && (whole instanceof Entry ? whole.data : whole).length === size) {
      index.whole = whole;
      return true;
    }
    this.leftover(index, `the blob '${printable(index.key)}' is not whole: to the device it is not there`);
    return false;
  }

  private damage({ page, entry }: Entry, what: string): void {
    this.findings.push({ level: "damage", page, entry, what });
  }

  private leftover({ page, entry }: Entry, what: string): void {
    this.findings.push({ level: "leftover", page, entry, what });
  }
}

/** Entries by namespace, chunk and key: a hash table over the list of them, so that no name is made to find one. */
class Places {
  /** Numbers in the list, from 1; 0: nothing. At most half of it is taken. */
  private readonly table: Int32Array;

  constructor(private readonly entries: readonly Entry[]) {
    this.table = new Int32Array(2 ** Math.ceil(Math.log2(2 * entries.length + 2)));
  }

  /** Puts the entry of this number where nothing is, or says what is there. */
  put(number: number): Entry | undefined {
    const entry = this.entries[number] as Entry;
    const slot = this.slotOf(entry, entry.place);
    const other = this.table[slot] as number;
    if (other !== 0) return this.entries[other - 1];
    this.table[slot] = number + 1;
    return undefined;
  }

  /** Puts it where another one is. */
  replace(number: number): void {
    const entry = this.entries[number] as Entry;
    this.table[this.slotOf(entry, entry.place)] = number + 1;
  }

  /** The part of this number of a blob. */
  chunkOf(index: Entry, chunk: number): Entry | undefined {
    return this.entries[(this.table[this.slotOf(index, placeOf(index.namespace, chunk))] as number) - 1];
  }

  /** Where the entry with the key of this one is that has this place, or would be. */
  private slotOf(entry: Entry, place: number): number {
    const { table } = this;
    const last = table.length - 1;
    const { hash } = entry;
    let slot = (hash ^ (hash >>> 15) ^ Math.imul(place, 0x9e3779b1)) & last;
    for (; ; slot = (slot + 1) & last) {
      const number = table[slot] as number;
      if (number === 0) return slot;
      const other = this.entries[number - 1] as Entry;
      if (other.place === place && other.hasKeyOf(entry)) return slot;
    }
  }
}

/** ESP-IDF looks for entries by their exact type; a blob's index has taken the place of the older kind of blob. */
function isSameKind(a: Entry, b: Entry): boolean {
  const kind = ({ code, chunk }: Entry) =>
    code === Code.BLOB && chunk === NO_CHUNK ? Code.BLOB_INDEX : code;
  return kind(a) === kind(b);
}
