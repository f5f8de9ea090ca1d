/**
 * Records sealed in flash, RECORD.md: a separate module, so that an app that does not import it does not carry it.
 */
export { obfuscated, type SealKey, Strength } from "./seal/key.js";
export { secretbox } from "./seal/secretbox.js";
export { SealedStore, type SealOptions } from "./seal/store.js";
export type { Suite } from "./seal/suite.js";
