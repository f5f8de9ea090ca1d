import { HmacKey } from "./hmac.js";
import { Sha256 } from "./sha256.js";

/**
 * What is only used within one turn: a hash and a key. Clients on one thread may share it, which a fleet in one
 * process does; a device makes its own.
 */
export class Scratch {
  readonly hash: Sha256;
  readonly key: HmacKey;

  constructor() {
    this.hash = new Sha256();
    this.key = new HmacKey();
  }

  /** Leaves no trace of what was computed. */
  wipe(): void {
    this.hash.wipe();
    this.key.wipe();
  }
}
