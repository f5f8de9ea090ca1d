import { type Explanation, explain as explainFirmware } from "../firmware/explain.js";
import { AuthClient } from "../firmware/index.js";
import type { LeanClient } from "./espruino/client.js";

/**
 * What keeps a client of either core from its work.
 * @param wallTimeS the device's wall clock, unix seconds, where it has one; Espruino's core compares none
 */
export const explain = (client: AuthClient | LeanClient, wallTimeS?: number): Explanation =>
  "explain" in client ? client.explain(wallTimeS) : explainFirmware(client, wallTimeS);

// In Node nobody saves bytes: a client has it as a method too, for consoles and plain JavaScript.
Object.defineProperty(AuthClient.prototype, "explain", {
  configurable: true,
  value(this: AuthClient, wallTimeS?: number): Explanation {
    return explainFirmware(this, wallTimeS);
  },
});
