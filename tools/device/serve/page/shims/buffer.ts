/** Node's Buffer, which the shared code has for a global. */
import { Buffer } from "buffer";

/** The package compares with its own kind only, Node with any bytes. */
Buffer.prototype.equals = function equals(this: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(this, other) === 0;
};

export { Buffer };
