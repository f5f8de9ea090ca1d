import type { Entropy, Ports } from "../../ports.js";
import { ModdableClock } from "./clock.js";
import { moddableEntropy } from "./entropy.js";
import { ModdableLink } from "./link.js";

/**
 * Everything the firmware needs to run on Moddable: TCP, time and random numbers.
 * @param entropy random bytes for targets other than ESP32 and ESP8266, whose own are C's `rand`
 */
export const moddablePorts = (entropy?: Entropy): Ports => ({
  link: new ModdableLink(),
  clock: new ModdableClock(),
  entropy: entropy === undefined ? moddableEntropy : entropy,
});
