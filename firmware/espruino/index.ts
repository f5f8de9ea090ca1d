import type { LeanAuth, LeanOptions } from "./api.js";
import { Auth } from "./auth.js";

export { writeCredential } from "./credential.js";

/**
 * Makes a device's client, which connects at the next turn and stays connected.
 * @throws Error that names the first option which cannot be right
 */
export const createAuth = (options: LeanOptions): LeanAuth => new Auth(options);
