import type { DeviceBook } from "./device-book.js";
import type { Registry } from "./registry.js";
import type { Deed, Entity } from "./types.js";

/** The mock's registry, for operators. */
export class RegistryBook implements DeviceBook {
  /** @param disable ends a device's connection and its tokens, and resolves when the registry's file has it */
  constructor(
    private readonly registry: Registry,
    private readonly disable: (id: string) => Promise<void>,
  ) {}

  known(ids: readonly string[]): Map<string, Entity> {
    const found = new Map<string, Entity>();
    for (const id of ids) {
      const entity = this.registry.get(id);
      if (entity !== undefined) found.set(id, entity);
    }
    return found;
  }

  devicesAfter(id: string, limit: number): Entity[] {
    return this.registry.devicesAfter(id).slice(0, limit);
  }

  async enroll(entities: readonly Entity[], deed: Deed): Promise<Set<string>> {
    const added = new Set<string>();
    for (const entity of entities) {
      if (this.registry.get(entity.id) !== undefined) continue;
      this.registry.enroll(entity, deed);
      added.add(entity.id);
    }
    await this.registry.flush();
    return added;
  }

  async certify(id: string, certFingerprint: string, deed: Deed): Promise<boolean> {
    const entity = this.registry.need(id);
    if (entity.disabled || entity.certFingerprint === certFingerprint) return false;
    this.registry.setCertificate(entity, certFingerprint);
    this.registry.note(entity, deed);
    await this.registry.flush();
    return true;
  }

  async stage(id: string, nextPsk: string | undefined, deed: Deed): Promise<boolean> {
    const entity = this.registry.need(id);
    if (entity.disabled || (entity.nextPsk === undefined) === (nextPsk === undefined)) return false;
    this.registry.stage(entity, nextPsk, deed);
    await this.registry.flush();
    return true;
  }

  async revoke(id: string, deed: Deed): Promise<boolean> {
    const entity = this.registry.need(id);
    if (entity.disabled) return false;
    this.registry.note(entity, deed);
    await this.disable(id);
    return true;
  }
}
