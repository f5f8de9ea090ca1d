import Preference from "preference";
import type { Store } from "../../ports.js";

/**
 * The SDK's preferences: NVS on ESP32. Each value is a copy in a buffer of its own, which is wiped when it was read or
 * written.
 *
 * On the Linux desktop all values are one file that is deleted and written anew, and errors are swallowed: there, and
 * only there, a cut can lose values that were not being written.
 */
export class PreferenceStore implements Store {
  private readonly domain: string;

  /** @param domain at most 15 bytes of ASCII; a client has its own */
  constructor(domain = "motekey") {
    this.domain = domain;
  }

  read(name: string, out: Uint8Array): number {
    try {
      const value = Preference.get(this.domain, name);
      if (!(value instanceof ArrayBuffer)) return -1; // what is no bytes was not written here
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
    const value = bytes.slice(0, length);
    try {
      Preference.set(this.domain, name, value.buffer);
      return true;
    } catch {
      return false;
    } finally {
      value.fill(0);
    }
  }
}
