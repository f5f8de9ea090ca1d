/** The C that an app may put in the place of TypeScript. */
export const NATIVE: string;
/** Builds the XS engine with it, `asan`: with AddressSanitizer, unless that is done; gives the program's path. */
export function buildNative(kind: "plain" | "asan"): string;
/** What the compiler says of the C. */
export function warningsOfNative(): string;
