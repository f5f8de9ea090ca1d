import type { Store } from "../../ports.js";

const ABSENT = -1;

/**
 * The engine's `Storage`. A name that it does not find is absent: it never says that it could not tell. A value that
 * is replaced stays readable in flash until `require("Storage").compact()`, which is the app's to call: a cut of
 * power during it may lose any value, and code that runs from Storage may move under itself (DESIGN.md).
 */
export class EspruinoStore implements Store {
  private readonly storage: StorageModule;

  constructor() {
    this.storage = require("Storage");
  }

  read(name: string, out: Uint8Array): number {
    const value = this.storage.read(name);
    if (value === undefined) return ABSENT;
    out.set(value, 0); // as much of it as fits
    return value.length;
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    try {
      return this.storage.write(name, new Uint8Array(bytes.buffer, bytes.byteOffset, length));
    } catch (_noRoom) {
      return false;
    }
  }
}
