import type { Soon } from "./soon.js";
import type { CounterPurpose, Deed, Entity } from "./types.js";

/** Where devices, users and backends are kept, as far as a decision needs it. Rejects with `Unavailable` where nobody knows now. */
export interface Accounts {
  /** The entity of an id, as it is now. */
  find(id: string): Soon<Entity | undefined>;
  /**
   * Takes a counter, which nobody can take again: false where it is not higher than the highest that was taken for this
   * purpose. Resolves when that is on the disk; rejects when it cannot be.
   */
  takeCounter(entity: Entity, purpose: CounterPurpose, counter: number): Soon<boolean>;
  /**
   * Makes the next key of an entity its only one. Resolves when that is on the disk; false: it is its next key no more.
   */
  promote(entity: Entity, deed: Deed): Soon<boolean>;
}
