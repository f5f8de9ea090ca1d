import type { FrameReader } from "./frame.js";

/**
 * Frames at once. An engine whose own JSON is many times as fast as a reader in JavaScript puts a file in the place
 * of this one at build time; here {@link FrameReader} reads every frame byte by byte.
 *
 * @returns the index behind the frame, which is taken into `frame` then; −1: it is to be read byte by byte
 */
export function readWhole(_frame: FrameReader, _bytes: Uint8Array, _from: number, _to: number): number {
  return -1;
}
