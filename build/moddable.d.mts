import type { Plugin } from "esbuild";

/** The shared files that have a form with C, and where it is in `firmware`. */
export const REPLACED_NATIVE: Readonly<Record<string, string>>;
/** The C of `firmware/native` in the place of what it does. */
export const replacingNative: Plugin;
/** The firmware for Moddable as one module; `entry` is bundled in its place; `native`: with the C of `firmware/native`. */
export function bundleModdable(entry?: string, native?: boolean): Promise<string>;
/** Writes dist/moddable.js and its types. */
export function buildModdable(): Promise<void>;
