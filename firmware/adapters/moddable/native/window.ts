/**
 * In the place of adapters/moddable/window: an answer with a token of 640 bytes lies whole in it, which C then reads
 * at once. 512 bytes more of chunks, and 128 more of stack where the socket's driver keeps a window of its own.
 */
export const WINDOW_BYTES = 1024;
