import { recoveredBy } from "./recoverer.js";
import { newPsk } from "./secret.js";
import type { Entity, NewEntity, Role } from "./types.js";

const ROLES: readonly Role[] = ["device", "user", "backend"];
/** One topic segment that every broker carries unchanged. */
const ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;
/** The cloud's own name on brokers, the first and the last segments of topics, and what is no key in JavaScript. */
const RESERVED_IDS: readonly string[] = ["cloud", "app", "rpc", "__proto__"];
/** Devices count up to here: beyond, a device refuses what the cloud says of its counter. */
export const COUNTER_MAX = 2 ** 52 - 1;

/** Is this an id that every broker carries unchanged? */
export function isPortableId(id: unknown): id is string {
  return typeof id === "string" && ID_PATTERN.test(id);
}

/** Is this one of the roles? */
export function isRole(role: unknown): role is Role {
  return ROLES.includes(role as Role);
}

/** Throws on a PSK that proves nobody. */
export function checkPsk(psk: unknown): void {
  if (typeof psk !== "string") throw new Error("The PSK must be a text");
  if (psk === "") throw new Error("The PSK is empty: everybody knows it; leave it out to have one made");
}

/** The entity that is wanted, its types checked. Throws, with what to do, where it cannot be one. */
export function entityOf(wanted: NewEntity): Entity {
  const { id, role = "device", psk = newPsk(), owner, certFingerprint, counter } = wanted;
  const shown = JSON.stringify(id);
  if (!isPortableId(id))
    throw new Error(`The id ${shown} is not a topic segment; use 1 to 128 of A-Z a-z 0-9 _ -`);
  if (RESERVED_IDS.includes(id)) throw new Error(`The id ${shown} is reserved; choose another one`);
  if (recoveredBy(id) !== null)
    throw new Error(
      `The id ${shown} is reserved: with that end a device asks for its counter; choose another one`,
    );
  checkPsk(psk);
  const highest = counter ?? -1;
  return {
    id,
    role,
    psk,
    ...(owner !== undefined && { owner }),
    ...(certFingerprint !== undefined && { certFingerprint }),
    counters: { connect: highest, mac: highest },
    disabled: false,
  };
}
