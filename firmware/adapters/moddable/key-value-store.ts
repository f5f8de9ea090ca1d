import KeyValue, { type Storage } from "embedded:storage/key-value";
import type { Store } from "../../ports.js";

/**
 * ECMA-419's key-value storage: NVS on ESP32, a flash sector on ESP8266, Pico and nRF52, settings on Zephyr. What is
 * read comes in a buffer of its own, which is wiped.
 */
export class KeyValueStore implements Store {
  private readonly path: string;
  private storage: Storage | null;

  /** @param path at most 15 bytes of ASCII; a client has its own */
  constructor(path = "motekey") {
    this.path = path;
    this.storage = null;
  }

  read(name: string, out: Uint8Array): number {
    try {
      const value = this.open().read(name);
      if (value === undefined) return -1;
      const bytes = new Uint8Array(value);
      const end = Math.min(bytes.length, out.length);
      for (let i = 0; i < end; i++) out[i] = bytes[i] as number;
      bytes.fill(0);
      return bytes.length;
    } catch {
      return -2;
    }
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    try {
      this.open().write(name, new Uint8Array(bytes.buffer, bytes.byteOffset, length));
      return true;
    } catch {
      return false;
    }
  }

  private open(): Storage {
    if (this.storage === null) this.storage = KeyValue.open({ path: this.path, format: "buffer" });
    return this.storage;
  }
}
