import type { Soon } from "./soon.js";
import type { CounterPurpose, Entity } from "./types.js";

/** Where devices, users and backends are kept, as far as a decision needs it. Rejects with `Unavailable` where nobody knows now. */
export interface Accounts {
  /** The entity of an id, as it is now. */
  find(id: string): Soon<Entity | undefined>;
  /**
   * Takes a counter, which nobody can take again: false where it is not higher than the highest that was taken for this
   * purpose. Resolves when that is on the disk; rejects when it cannot be.
   */
  takeCounter(entity: Entity, purpose: CounterPurpose, counter: number): Soon<boolean>;
}
