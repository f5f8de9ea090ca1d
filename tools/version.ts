/** The version of the package, as in package.json; a test holds them together. */
export const VERSION = "0.1.0";
