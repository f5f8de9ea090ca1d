/** The engine's program, whether it is built or not. */
export const XS_WORKER: string;
/** Why there is no XS engine, and what to do about it; null when it is built. */
export function xsMissing(): string | null;
/** Installs and builds the engine unless that is done or cannot be done here; says what is missing. */
export function installEngines(): string | null;
