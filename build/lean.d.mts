/** The core for Espruino as one file. @param options of the bundle: its entry, and whether it is minified */
export function bundleLean(options?: { entry?: string; minify?: boolean }): Promise<string>;
/** The entry of the app's own messages, a second file. */
export const MESSAGES_ENTRY: string;
