import { JsonFile } from "./json-file.js";
import { newPsk } from "./secret.js";
import type { CounterPurpose, Entity, NewEntity, Role } from "./types.js";

const ROLES: readonly Role[] = ["device", "user", "backend"];
/** One topic segment that every broker carries unchanged. */
const ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;

interface Content {
  entities: Entity[];
}

/**
 * Devices, users and backends with their credentials and highest counters. With a file each change is
 * written to it. A counter is accepted before it is in the file: a process that dies in between forgets it,
 * which is fine for a mock.
 */
export class Registry {
  private entities = new Map<string, Entity>();
  private file: JsonFile;

  /** @param file JSON file; read when it exists */
  constructor(file: string | undefined) {
    this.file = new JsonFile(file, "registry", (): Content => ({ entities: [...this.entities.values()] }));
    const content = this.file.read<Content>(
      ({ entities }) => Array.isArray(entities) && entities.every(isEntity),
    );
    for (const entity of content?.entities ?? []) this.entities.set(entity.id, entity);
  }

  /** Adds an entity, or replaces it with all it had. Throws on an id that is not one portable topic segment. */
  add(wanted: NewEntity): Entity {
    if (!ID_PATTERN.test(wanted.id)) {
      throw new Error(
        `The id ${JSON.stringify(wanted.id)} is not a topic segment; use 1 to 128 of A-Z a-z 0-9 _ -`,
      );
    }
    const highest = wanted.counter === undefined ? -1 : wanted.counter;
    const entity: Entity = {
      id: wanted.id,
      role: wanted.role ?? "device",
      psk: wanted.psk ?? newPsk(),
      counters: { connect: highest, mac: highest },
      disabled: false,
    };
    if (wanted.owner !== undefined) entity.owner = wanted.owner;
    if (wanted.certFingerprint !== undefined) entity.certFingerprint = wanted.certFingerprint;
    this.entities.set(entity.id, entity);
    this.file.changed();
    return entity;
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
    this.file.changed();
    return true;
  }

  /** Replaces the PSK. Counters stay: a recorded proof of an earlier PSK must not become good again. */
  setPsk(id: string, psk: string): void {
    this.need(id).psk = psk;
    this.file.changed();
  }

  /** Bars an entity. */
  disable(id: string): void {
    this.need(id).disabled = true;
    this.file.changed();
  }

  /** Resolves when everything is in the file; rejects when it could not be written. */
  flush(): Promise<void> {
    return this.file.flush();
  }
}

function isEntity(value: unknown): value is Entity {
  if (typeof value !== "object" || value === null) return false;
  const { id, role, psk, counters, disabled } = value as Partial<Entity>;
  return (
    typeof id === "string" &&
    ID_PATTERN.test(id) &&
    ROLES.includes(role as Role) &&
    typeof psk === "string" &&
    Number.isSafeInteger(counters?.connect) &&
    Number.isSafeInteger(counters?.mac) &&
    typeof disabled === "boolean"
  );
}
