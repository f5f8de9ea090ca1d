/**
 * In the place of adapters/moddable/window: an answer with a token of 640 bytes lies whole in it, which C then reads
 * at once. It costs 512 bytes more of chunks.
 */
export const WINDOW_BYTES = 1024;
