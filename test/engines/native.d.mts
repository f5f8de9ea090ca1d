/** The C that an app may put in the place of TypeScript. */
export const NATIVE: string;
/** Builds the XS engine with it, `efuse`: with a chip's eFuses, `asan`: with AddressSanitizer, unless that is done; gives the program's path. */
export function buildNative(kind: "plain" | "efuse" | "asan"): string;
/** Why there is no XS engine of 32 bit, and what to do about it; null when it is built. */
export function chipMissing(): string | null;
/** Builds it, with the C, unless that is done; gives the path of what runs it. `xs_heap(n)` tells of its heap. */
export function buildChip(): string;
/** What the compiler says of the C. */
export function warningsOfNative(): string;
