/** A partition as a map: read, changed, and written anew, so that nothing of what was replaced stays in it. */
import { Failure, printable, usage } from "../cli/failure.js";
import {
  ENTRIES_PER_PAGE,
  KEY_BYTES_MAX,
  NAMESPACE_INDEX_MAX,
  NAMESPACES,
  type NvsItem,
  type NvsValue,
  type NvsVersion,
  PAGE_BYTES,
} from "./format.js";
import type { NvsKeys } from "./keys.js";
import { type Kept, type Reading, readPartition } from "./read.js";
import type { Finding } from "./scan.js";
import { checkSize, PartitionWriter } from "./writer.js";

/** How much of a partition is used. */
export interface Usage {
  /** Entries of 32 bytes. */
  readonly used: number;
  /** All entries but those of the page that stays free. */
  readonly usable: number;
}

/**
 * The values of a partition. Whoever changes some leaves the others as they are: their bytes, their types, the indices
 * of their namespaces, and their order.
 */
export class Partition {
  /** Values and namespaces by {@link nameOf}, in the order in which they are written. */
  private readonly kept = new Map<string, Kept>();
  private readonly indices = new Map<string, number>();

  /** An empty one. @param size bytes */
  constructor(
    readonly size: number,
    readonly version: NvsVersion = 2,
  ) {
    checkSize(size);
  }

  /**
   * What a partition holds.
   * @param keys null: it is not encrypted
   * @throws Failure where anything in it is damaged: to write it anew would lose what it held
   */
  static read(bytes: Uint8Array, keys: NvsKeys | null = null): Partition {
    return Partition.of(readPartition(bytes, keys));
  }

  /** The same, of what was read already. */
  static of(reading: Reading): Partition {
    const damage = reading.findings.filter(({ level }) => level === "damage");
    if (damage.length > 0)
      throw new Failure(
        "partition_damaged",
        `The partition is damaged: ${damage.slice(0, 3).map(placed).join("; ")}${damage.length > 3 ? `; and ${damage.length - 3} more` : ""}.`,
        "Nothing is written over it. 'motekey device inspect' shows all of it; a whole new image replaces it, and loses what it holds.",
      );
    const isOld = reading.pages.some(({ version }) => version !== null);
    const isNew = reading.pages.some(({ version }) => version === 2);
    const partition = new Partition(reading.size, isOld && !isNew ? 1 : 2);
    for (const one of reading.kept) partition.kept.set(nameOf(one.namespace, one.key), one);
    for (const [name, index] of reading.namespaces) partition.indices.set(name, index);
    return partition;
  }

  /** The value of a key, or null. */
  get(namespace: string, key: string): NvsValue | null {
    const index = this.indices.get(namespace);
    if (index === undefined) return null;
    const found = this.kept.get(nameOf(index, key));
    return found === undefined ? null : { type: found.type, data: found.data };
  }

  /** Sets a key, whatever its type was. @throws Failure for a name that NVS cannot hold */
  set(namespace: string, key: string, { type, data }: NvsValue): void {
    checkName("namespace", namespace);
    checkName("key", key);
    const index = this.indices.get(namespace) ?? this.addNamespace(namespace);
    this.kept.set(nameOf(index, key), { namespace: index, key, type, data });
  }

  /** Removes a key. Was it there? The namespace stays. */
  delete(namespace: string, key: string): boolean {
    const index = this.indices.get(namespace);
    return index !== undefined && this.kept.delete(nameOf(index, key));
  }

  /** All values, in the order in which they are written. */
  *items(): IterableIterator<NvsItem> {
    const names = new Map([...this.indices].map(([name, index]) => [index, name]));
    for (const { namespace, key, type, data } of this.kept.values())
      if (namespace !== NAMESPACES) yield { namespace: names.get(namespace) ?? "", key, type, data };
  }

  /**
   * The partition's bytes.
   * @param keys with them it is encrypted
   * @throws Failure where it does not fit
   */
  toBytes(keys: NvsKeys | null = null): Buffer {
    return this.write(keys).bytes;
  }

  /** The same, and how much of it is used. */
  write(keys: NvsKeys | null = null): { bytes: Buffer; usage: Usage } {
    const writer = new PartitionWriter(this.size, this.version);
    for (const one of this.kept.values()) writer.write(one.namespace, one.key, one);
    const usage = { used: writer.entries, usable: (this.size / PAGE_BYTES - 1) * ENTRIES_PER_PAGE };
    return { bytes: writer.finish(keys), usage };
  }

  /** As ESP-IDF does: with the lowest index that is free. */
  private addNamespace(name: string): number {
    const taken = new Set(this.indices.values());
    let index = 1;
    while (taken.has(index)) index++;
    if (index > NAMESPACE_INDEX_MAX)
      throw usage(
        `The namespace '${name}' is one too many.`,
        `A partition has at most ${NAMESPACE_INDEX_MAX}.`,
      );
    this.indices.set(name, index);
    this.kept.set(nameOf(NAMESPACES, name), {
      namespace: NAMESPACES,
      key: name,
      type: "u8",
      data: Uint8Array.of(index),
    });
    return index;
  }
}

/** A finding as people read it. */
export function placed({ page, entry, what }: Finding): string {
  return `page ${page}${entry === null ? "" : `, entry ${entry}`}: ${what}`;
}

const nameOf = (namespace: number, key: string): string => `${namespace}/${key}`;

function checkName(what: string, name: string): void {
  if (/^[\x20-\x7e]+$/.test(name) && name.length <= KEY_BYTES_MAX) return;
  throw usage(
    `'${printable(name, 80)}' is no ${what} of NVS.`,
    `It has 1 to ${KEY_BYTES_MAX} characters of ASCII; ESP-IDF compares no more.`,
  );
}
