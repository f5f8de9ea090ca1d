import type { Text } from "./bytes.js";

/** Adds fields to a frame, in the spelling that the frame has. Names are UTF-8 that needs no escapes. */
export interface FieldWriter {
  /** A map of `count` fields, which follow; then {@link close}. */
  open(name: Uint8Array, count: number): void;
  close(): void;
  /** A whole number, 0…2^53−1. */
  number(name: Uint8Array, value: number): void;
  text(name: Uint8Array, text: Text): void;
  /** The first `length` bytes of a text that needs no escapes. */
  plain(name: Uint8Array, text: Uint8Array, length: number): void;
}
