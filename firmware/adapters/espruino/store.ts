import type { Store } from "../../ports.js";

const ABSENT = -1;

/**
 * The engine's `Storage`. A name that it does not find is absent: it never says that it could not tell.
 *
 * A value that is replaced is marked as dead and stays in flash until `require("Storage").compact()`, which the
 * engine also runs by itself when Storage is full. That moves every file behind the first dead one through RAM: a
 * cut of power during it loses what lies in one page, and where flash is mapped into memory (ESP32) code that is
 * run from Storage must not move. So nothing here calls it; DESIGN.md says when an app does.
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
