/** Bytes that one call of `received` brings at the most. */
export const WINDOW_BYTES = 512;
