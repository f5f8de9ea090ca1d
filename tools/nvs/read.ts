/** Reads a partition: what ESP-IDF would find in it when it starts. */
import { printable } from "../cli/failure.js";
import { Code, NAMESPACE_INDEX_MAX, NAMESPACES, NO_CHUNK, NUMBERS, type NvsType } from "./format.js";
import type { NvsKeys } from "./keys.js";
import { type Entry, type Finding, NUMBER_TYPES, type PageUse, scan, usedEntries } from "./scan.js";
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
    const places = new Places();
    const counted = this.settled(entries, places);
    for (const entry of counted) if (entry.namespace === NAMESPACES) this.name(entry);
    const kept: Kept[] = [];
    for (const entry of counted) {
      if (entry.code === Code.BLOB_DATA) continue;
      if (entry.namespace !== NAMESPACES && !this.names.has(entry.namespace)) {
        this.damage(entry, `'${printable(entry.key)}' is in namespace ${entry.namespace}, which has no name`);
      } else {
        const one = this.keptOf(entry, places);
        if (one !== null) kept.push(one);
      }
    }
    for (const chunk of places.chunks())
      this.leftover(chunk, `'${printable(chunk.key)}' is a part of a blob that is not there`);
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
    for (const entry of entries) {
      const other = places.putNew(entry);
      if (other === undefined) continue;
      if ((other.isActive && entry.isActive) || (entry === last && isSameKind(other, entry))) {
        this.leftover(other, `'${printable(entry.key)}' has a newer value`);
        dropped.add(other);
        places.replace(entry);
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

  private keptOf(entry: Entry, places: Places): Kept | null {
    const { namespace, key, code, data } = entry;
    const number = NUMBER_TYPES.get(code);
    if (number !== undefined) {
      const { bytes } = NUMBERS[number as keyof typeof NUMBERS];
      return { namespace, key, type: number, data: data.subarray(0, bytes) };
    }
    if (code === Code.STRING) return { namespace, key, type: "string", data };
    const blob = code === Code.BLOB ? data : this.joined(entry, places);
    return blob === null ? null : { namespace, key, type: "blob", data: blob };
  }

  /** The blob of an index; null where a part is missing: to ESP-IDF the blob is not there. */
  private joined(index: Entry, places: Places): Buffer | null {
    const size = index.data.readUInt32LE(0);
    const count = index.data[4] as number;
    const start = index.data[5] as number;
    const parts: Buffer[] = [];
    for (let chunk = start; chunk < start + count; chunk++) {
      const part = places.take(index.namespace, chunk, index.key);
      if (part === undefined) break;
      parts.push(part.data);
    }
    const [only] = parts;
    const blob = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
    if (parts.length === count && blob.length === size) return blob;
    this.leftover(index, `the blob '${printable(index.key)}' is not whole: to the device it is not there`);
    return null;
  }

  private damage({ page, entry }: Entry, what: string): void {
    this.findings.push({ level: "damage", page, entry, what });
  }

  private leftover({ page, entry }: Entry, what: string): void {
    this.findings.push({ level: "leftover", page, entry, what });
  }
}

/** Entries by namespace, chunk and key: a map of keys for each of the first two, so that no names are put together. */
class Places {
  private readonly maps = new Map<number, Map<string, Entry>>();

  /** Puts it where nothing is, or says what is there. */
  putNew(entry: Entry): Entry | undefined {
    const place = placeOf(entry.namespace, entry.chunk);
    let map = this.maps.get(place);
    if (map === undefined) {
      map = new Map();
      this.maps.set(place, map);
    }
    const other = map.get(entry.key);
    if (other === undefined) map.set(entry.key, entry);
    return other;
  }

  /** Puts it where another one is. */
  replace(entry: Entry): void {
    this.maps.get(placeOf(entry.namespace, entry.chunk))?.set(entry.key, entry);
  }

  /** What is there, and takes it out. */
  take(namespace: number, chunk: number, key: string): Entry | undefined {
    const map = this.maps.get(placeOf(namespace, chunk));
    const entry = map?.get(key);
    map?.delete(key);
    return entry;
  }

  /** The parts of blobs that nobody took. */
  *chunks(): IterableIterator<Entry> {
    for (const [place, map] of this.maps) if (place % 256 !== NO_CHUNK) yield* map.values();
  }
}

const placeOf = (namespace: number, chunk: number): number => namespace * 256 + chunk;

/** ESP-IDF looks for entries by their exact type; a blob's index has taken the place of the older kind of blob. */
function isSameKind(a: Entry, b: Entry): boolean {
  const kind = ({ code, chunk }: Entry) =>
    code === Code.BLOB && chunk === NO_CHUNK ? Code.BLOB_INDEX : code;
  return kind(a) === kind(b);
}
