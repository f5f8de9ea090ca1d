import { checkGroup, type Group, type RowsOf } from "../../options.js";
import type { Ports } from "../../ports.js";
import { ModdableClock } from "./clock.js";
import { moddableEntropy } from "./entropy.js";
import { ModdableLink } from "./link.js";

/**
 * Everything the firmware needs to run on Moddable: TCP, time and random numbers, and no store.
 * @param own takes the place of these: a link over TLS (`motekey/tls`), a store (`motekey/preference`,
 * `motekey/key-value`), and random bytes for targets other than ESP32 and ESP8266, where they are C's `rand`
 * @throws Error that names what is no port
 */
export const moddablePorts = (own: Partial<Ports> = {}): Ports => {
  const port: Group = { rows: {}, isOpen: true }; // what each needs is `createAuth`'s to check
  const rows: RowsOf<Ports> = { link: port, clock: port, entropy: port, store: port };
  checkGroup("moddablePorts()", own, { rows });
  return {
    link: own.link === undefined ? new ModdableLink() : own.link,
    clock: own.clock === undefined ? new ModdableClock() : own.clock,
    entropy: own.entropy === undefined ? moddableEntropy : own.entropy,
    ...(own.store === undefined ? {} : { store: own.store }),
  };
};
