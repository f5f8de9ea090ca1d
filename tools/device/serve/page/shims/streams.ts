/** node:stream/web: browsers have them. */
export const { ReadableStream, WritableStream } = globalThis;
