import { readFileSync } from "node:fs";
import writeFileAtomic from "write-file-atomic";
import { newPsk } from "./secret.js";
import type { CounterPurpose, Entity, NewEntity, Role } from "./types.js";

const FILE_VERSION = 1;
const FILE_MODE = 0o600;
const ROLES: readonly Role[] = ["device", "user", "backend"];
/** One topic segment that every broker carries unchanged. */
const ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * Devices, users and backends with their credentials and highest counters. With a file each change is
 * written to it, whole and atomically; changes that come while a write runs share the next one. A counter is
 * accepted before it is in the file: a process that dies in between forgets it, which is fine for a mock.
 */
export class Registry {
  private entities = new Map<string, Entity>();
  private dirty = false;
  private writing: Promise<void> | null = null;
  private failure: unknown = null;

  /** @param file JSON file; read when it exists */
  constructor(private file: string | undefined) {
    if (file !== undefined) this.load(file);
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
    this.changed();
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
    this.changed();
    return true;
  }

  /** Replaces the PSK. Counters stay: a recorded proof of an earlier PSK must not become good again. */
  setPsk(id: string, psk: string): void {
    this.need(id).psk = psk;
    this.changed();
  }

  /** Bars an entity. */
  disable(id: string): void {
    this.need(id).disabled = true;
    this.changed();
  }

  /** Resolves when everything is in the file; rejects when it could not be written. */
  async flush(): Promise<void> {
    while (this.writing !== null) await this.writing;
    if (this.failure === null) return;
    const cause = this.failure;
    this.failure = null;
    throw new Error(`Cannot write the registry ${this.file}; check the folder and its permissions`, {
      cause,
    });
  }

  private changed(): void {
    this.dirty = true;
    if (this.file === undefined || this.writing !== null) return;
    this.writing = this.write(this.file).finally(() => {
      this.writing = null;
    });
  }

  private async write(file: string): Promise<void> {
    // One turn later, so that a thousand devices added in a loop make one file.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.dirty) {
      this.dirty = false;
      const text = `${JSON.stringify({ version: FILE_VERSION, entities: [...this.entities.values()] }, null, 2)}\n`;
      try {
        await writeFileAtomic(file, text, { mode: FILE_MODE });
        this.failure = null;
      } catch (failure) {
        this.failure = failure;
      }
    }
  }

  private load(file: string): void {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === "ENOENT") return;
      throw new Error(`Cannot read the registry ${file}; check its permissions`, { cause: failure });
    }
    for (const entity of parseEntities(text, file)) this.entities.set(entity.id, entity);
  }
}

function parseEntities(text: string, file: string): Entity[] {
  let content: { version?: unknown; entities?: unknown } | null;
  try {
    content = JSON.parse(text);
  } catch {
    content = null;
  }
  const entities = content?.version === FILE_VERSION ? content.entities : null;
  if (!Array.isArray(entities) || !entities.every(isEntity)) {
    throw new Error(
      `${file} is not a registry of version ${FILE_VERSION}; move it away to start with an empty one`,
    );
  }
  return entities;
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
