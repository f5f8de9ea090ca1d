/** The firmware for Moddable as one module; `entry` is bundled in its place. */
export function bundleModdable(entry?: string): Promise<string>;
/** Writes dist/moddable.js and its types. */
export function buildModdable(): Promise<void>;
