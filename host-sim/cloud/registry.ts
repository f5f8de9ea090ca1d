import type { Accounts } from "./accounts.js";
import { checkPsk, entityOf, isPortableId, isRole } from "./new-entity.js";
import {
  type CounterRecord,
  type JournalRecord,
  RegistryFile,
  type RegistryFound,
  type Told,
} from "./registry-file.js";
import type { Soon } from "./soon.js";
import type { CounterPurpose, Deed, Entity, NewEntity } from "./types.js";

/** What a restored registry's counters are raised by: more than a cloud accepts between two backups. */
const EPOCH = 2 ** 32;
/** Devices refuse higher ones (Auth.Counter). */
const COUNTER_MAX = 2 ** 52;

/** What a registry is opened with. */
export interface RegistryOptions {
  /** JSON file; read when it exists. undefined: nothing is kept. */
  file: string | undefined;
  /** The file is a backup: a new epoch begins. */
  isRestored: boolean;
  /** Called when the file cannot be written, and with null when it can be again. */
  told: Told;
}

/**
 * Devices, users and backends with their credentials and highest counters. With a file each change is written to it,
 * and {@link kept} says when an accepted counter is on the disk: nobody is answered before.
 */
export class Registry implements Accounts {
  private entities = new Map<string, Entity>();
  private file: RegistryFile | null = null;

  private constructor() {}

  /** Locks and reads the file. Rejects when another process has it, and on what is no registry. */
  static async open({ file, isRestored, told }: RegistryOptions): Promise<Registry> {
    const registry = new Registry();
    if (file === undefined) {
      if (isRestored) throw new Error("Nothing is kept that could be restored; name the registryFile");
      return registry;
    }
    const entities = (): Entity[] => [...registry.entities.values()];
    const opened = await RegistryFile.open(file, isRestored, entities, told);
    try {
      registry.take(opened.found, opened.file);
      if (isRestored) registry.beginEpoch();
      if (isRestored || opened.found.hasJournal) opened.file.changed();
      await opened.file.flush();
    } catch (failure) {
      await opened.file.abandon();
      throw failure;
    }
    registry.file = opened.file;
    return registry;
  }

  private take({ entities, records }: RegistryFound, file: RegistryFile): void {
    if (!entities.every(isEntity)) throw file.noRegistry();
    for (const entity of entities) this.entities.set(entity.id, entity);
    for (const record of records) {
      if (isCounter(record)) {
        const [id, purpose, counter] = record;
        const entity = this.entities.get(id);
        if (entity !== undefined) entity.counters[purpose] = Math.max(entity.counters[purpose], counter);
      } else if (isEntity(record)) this.entities.set(record.id, record);
      else throw file.noRegistry();
    }
  }

  /** Whatever was accepted since the backup is refused from now on, however often that happens. */
  private beginEpoch(): void {
    for (const { id, counters } of this.entities.values()) {
      for (const purpose of ["connect", "mac"] as const) counters[purpose] += EPOCH;
      if (Math.max(counters.connect, counters.mac) > COUNTER_MAX)
        throw new Error(`The counters of ${id} cannot be raised any more; add it again with a new PSK`);
    }
  }

  /** Adds an entity, or replaces it with all it had. Throws where it cannot be one. */
  add(wanted: NewEntity): Entity {
    const entity = entityOf(wanted);
    this.entities.set(entity.id, entity);
    this.file?.changed();
    return entity;
  }

  /** Adds one that an operator registered: a line of the journal, so that a thousand make no thousand files. */
  enroll(wanted: Entity, deed: Deed): void {
    const entity = { ...wanted, history: [deed] };
    this.entities.set(entity.id, entity);
    this.file?.record(entity);
  }

  /** The entity of an id. */
  get(id: string): Entity | undefined {
    return this.entities.get(id);
  }

  /** The entity of an id; throws when there is none. */
  need(id: string): Entity {
    const entity = this.entities.get(id);
    if (entity === undefined) throw new Error(`No entity ${JSON.stringify(id)}; add it with addDevice first`);
    return entity;
  }

  /** Accepts a counter if it is higher than the highest of its purpose, and remembers it. */
  raiseCounter(entity: Entity, purpose: CounterPurpose, counter: number): boolean {
    if (counter <= entity.counters[purpose]) return false;
    entity.counters[purpose] = counter;
    this.file?.record([entity.id, purpose, counter]);
    return true;
  }

  find(id: string): Entity | undefined {
    return this.entities.get(id);
  }

  takeCounter(entity: Entity, purpose: CounterPurpose, counter: number): Soon<boolean> {
    if (!this.raiseCounter(entity, purpose, counter)) return false;
    return this.kept?.then(() => true) ?? true;
  }

  /** Resolves when every counter that was accepted by now is on the disk; null: it is. Rejects when it cannot be. */
  get kept(): Promise<void> | null {
    return this.file?.kept ?? null;
  }

  /** Replaces the PSK. Counters stay: a recorded proof of an earlier PSK must not become good again. */
  setPsk(id: string, psk: string): void {
    checkPsk(psk);
    const entity = this.need(id);
    entity.psk = psk;
    delete entity.nextPsk;
    this.file?.changed();
  }

  /** Gives a device a next key, or (undefined) takes it back. */
  stage(entity: Entity, nextPsk: string | undefined, deed?: Deed): void {
    if (nextPsk === undefined) delete entity.nextPsk;
    else entity.nextPsk = nextPsk;
    if (deed !== undefined) entity.history = [...(entity.history ?? []), deed];
    this.file?.record(entity);
  }

  promote({ id, nextPsk }: Entity, deed: Deed): Soon<boolean> {
    const entity = this.need(id);
    if (nextPsk === undefined || entity.nextPsk !== nextPsk || entity.disabled) return false;
    entity.psk = nextPsk;
    this.stage(entity, undefined, deed);
    return this.kept?.then(() => true) ?? true;
  }

  /** Takes another certificate of an entity from now on. */
  setCertificate(entity: Entity, certFingerprint: string): void {
    entity.certFingerprint = certFingerprint;
    this.file?.changed();
  }

  /** Remembers what an operator did with an entity. */
  note(entity: Entity, deed: Deed): void {
    entity.history = [...(entity.history ?? []), deed];
    this.file?.changed();
  }

  /** Everybody. */
  get all(): Entity[] {
    return [...this.entities.values()];
  }

  /** The devices whose ids come after this one, in the order of their ids. */
  devicesAfter(id: string): Entity[] {
    const devices = [...this.entities.values()].filter(
      ({ role, id: other }) => role === "device" && other > id,
    );
    return devices.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Bars an entity. */
  disable(id: string): void {
    const entity = this.need(id);
    entity.disabled = true;
    delete entity.nextPsk;
    this.file?.changed();
  }

  /** Resolves when everything is in the file; rejects when it could not be written. */
  async flush(): Promise<void> {
    await this.file?.flush();
  }

  /** Writes the file and lets go of it. */
  async close(): Promise<void> {
    await this.file?.close();
  }
}

const isCounter = (record: JournalRecord): record is CounterRecord => Array.isArray(record);

function isEntity(value: unknown): value is Entity {
  if (typeof value !== "object" || value === null) return false;
  const { id, role, psk, counters, disabled } = value as Partial<Entity>;
  return (
    isPortableId(id) &&
    isRole(role) &&
    typeof psk === "string" &&
    Number.isSafeInteger(counters?.connect) &&
    Number.isSafeInteger(counters?.mac) &&
    typeof disabled === "boolean"
  );
}
