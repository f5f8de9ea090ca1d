/** The core for Espruino as one file. @param options of the bundle: its entry, and whether it is minified */
export function bundleLean(options?: { entry?: string; minify?: boolean }): Promise<string>;
