/** The firmware as one minified ES module, private names shortened. */
export function bundleMinified(options?: { isWhole?: boolean }): Promise<string>;
