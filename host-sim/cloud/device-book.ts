import type { Soon } from "./soon.js";
import type { Deed, Entity } from "./types.js";

/** The registry of devices as operators work with it. Each change is on the disk when it resolves; false: there was none. */
export interface DeviceBook {
  /** Whoever has these ids, devices or not, with what was done with them; by id. */
  known(ids: readonly string[]): Soon<ReadonlyMap<string, Entity>>;
  /** The first devices whose ids come after this one, in the order of their ids. */
  devicesAfter(id: string, limit: number): Soon<Entity[]>;
  /** Adds each whose id nobody has. Resolves with the ids of those that were added. */
  enroll(entities: readonly Entity[], deed: Deed): Soon<ReadonlySet<string>>;
  /** Takes another certificate of a device from now on. */
  certify(id: string, certFingerprint: string, deed: Deed): Soon<boolean>;
  /** Gives a device without a next key one, or (undefined) takes it back. */
  stage(id: string, nextPsk: string | undefined, deed: Deed): Soon<boolean>;
  /** Bars a device for good, and ends its connections and tokens. */
  revoke(id: string, deed: Deed): Soon<boolean>;
}
