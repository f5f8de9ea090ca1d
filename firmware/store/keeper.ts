import type { Store } from "../ports.js";

/** A store that failed is written again after a second, ms, and after waits that double up to four hours. */
const WAIT_MS = 1_000;
const WAIT_MS_MAX = 14_400_000;
const MARK = "motekey-mark";

/** A client's store, as all its records share it. */
export class Keeper {
  readonly store: Store;
  /** The time of the latest turn. */
  nowMs: number;
  /** What is absent was never written: nothing is hidden. */
  isMarked: boolean;
  private waitMs: number;
  private waitsUntilMs: number;

  constructor(store: Store) {
    this.store = store;
    this.nowMs = 0;
    this.isMarked = false;
    this.waitMs = 0;
    this.waitsUntilMs = 0;
  }

  /** Not while it rests from a failure: each write to a full store costs ESP32's flash the erasure of a sector. */
  isWritable(): boolean {
    return this.nowMs >= this.waitsUntilMs;
  }

  /** A write came to this. @returns the same */
  wrote(isKept: boolean): boolean {
    this.waitMs = isKept ? 0 : Math.min(2 * this.waitMs + WAIT_MS, WAIT_MS_MAX);
    this.waitsUntilMs = this.nowMs + this.waitMs;
    return isKept;
  }

  /**
   * Brings back what may be hidden, which is to be looked for again then: when one bit of a namespace's entry rots,
   * ESP32's NVS has none of its names until it is written, and then all of them, old as they are. A mark that can be
   * read says that nothing is hidden; the first may be lost in flash that was cut.
   * @param buffer one byte or more, zeros
   * @returns false: nobody knows what is hidden, and nothing may be written
   */
  mark(buffer: Uint8Array): boolean {
    for (let attempts = 0; attempts < 3; attempts++) {
      this.isMarked = this.store.read(MARK, buffer) >= 0;
      if (this.isMarked) return true;
      if (!this.isWritable()) return false;
      if (!this.store.write(MARK, buffer, 1)) break;
    }
    return this.wrote(false);
  }
}
