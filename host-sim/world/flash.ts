import assert from "node:assert/strict";
import type { Store } from "../../firmware/index.js";
import type { Left } from "./media.js";

/** Thrown when the power fails: the device that was writing is off. */
export class PowerCut extends Error {}

/** A half-written value: the first `n` of the new bytes, and behind them… */
export const TEARS = {
  /** …nothing, and not even those: absent from the first operation to the last (ESP-IDF's NVS). */
  gone: (old: Buffer | undefined, now: Buffer, n: number) => {
    if (n === now.length) return now;
    return n === 0 ? old : undefined;
  },
  /** …nothing: the old value is erased before (Espruino's Storage). */
  short: (_old: Buffer | undefined, now: Buffer, n: number) => (n === 0 ? undefined : now.subarray(0, n)),
  /** …erased flash. */
  erased: (_old: Buffer | undefined, now: Buffer, n: number) =>
    Buffer.concat([now.subarray(0, n), Buffer.alloc(now.length - n, 0xff)]),
  /** …what was there before. */
  mixed: (old: Buffer | undefined, now: Buffer, n: number) =>
    Buffer.concat([now.subarray(0, n), (old ?? Buffer.alloc(0)).subarray(n)]),
} satisfies Record<string, (old: Buffer | undefined, now: Buffer, n: number) => Buffer | undefined>;

/** How writes can tear. */
export type Tear = keyof typeof TEARS;

/** What a torn erase of a sector does to a value. */
export type Erased = "whole" | "lost" | "older";

/** What successive reads of a rotted value return; the last one for ever. */
const DAMAGED = [0, -2, -1];

/**
 * A device's flash with the limits of the real ones; it outlives the device, and its writes can tear, its values rot, its space fill up, and it can fail.
 * It does what ESP-IDF 6.0's NVS did under Moddable's preferences in 2.1 million cuts:
 *
 * 1. A write erases the old value before it writes the new one, also when it fails.
 * 2. The first write after a cut reports success, and is lost.
 * 3. A torn erase during NVS's garbage collection loses values or brings old ones back, of all names at once ({@link tornErase}).
 * 4. Without its namespace no name is there, until the first write brings all of them back ({@link hideAll}).
 * 5. A rotting value reads damaged, then fails to read, then is absent ({@link rot}).
 * 6. On a full partition each attempt to write erases a sector.
 * 7. A value that was written and read back may be absent at the next boot: `values.delete(name)`.
 * 8. Reads never fail otherwise: `isReadable` is for other stores.
 */
export class Flash implements Store {
  readonly values = new Map<string, Buffer>();
  /** Writes of records and of the mark, successful or not; and the erases that writes to a full store cost. */
  writes = 0;
  marks = 0;
  erases = 0;
  /** Failed writes and reads. */
  failures = 0;
  isReadable = true;
  isWritable = true;
  isFull = false;
  /** The next writes lose their bytes and report success. */
  isLying = false;
  /** Called before each write: what a power cut leaves of it; undefined: the power stays on. */
  breaks: ((name: string, now: Buffer) => Left | undefined) | undefined;
  private readonly older = new Map<string, Buffer>();
  private readonly damage = new Map<string, number>();
  private hidden: Map<string, Buffer> | undefined;
  private cut: { readonly afterBytes: number; readonly tear: Tear } | undefined;
  private isShaken = false;
  private losses = 0;

  /** Cuts the power during the next write, after this many of its bytes. */
  cutNextWrite(afterBytes: number, tear: Tear): void {
    this.cut = { afterBytes, tear };
  }

  /** Cuts the power during an erase of a sector: what happens to each value, whoever owns it. */
  tornErase(fate: (name: string) => Erased): void {
    for (const name of [...this.values.keys()]) {
      const older = this.older.get(name);
      const what = fate(name);
      if (what === "whole") continue;
      if (what === "older" && older !== undefined) this.values.set(name, older);
      else this.values.delete(name);
    }
  }

  /** Rots one bit of the namespace's entry. */
  hideAll(): void {
    this.hidden = new Map(this.values);
    this.values.clear();
  }

  /** Rots one bit of this value. */
  rot(name: string): void {
    this.damage.set(name, 0);
  }

  read(name: string, out: Uint8Array): number {
    if (!this.isReadable) {
      this.failures++;
      return -2;
    }
    const value = this.values.get(name);
    if (value === undefined) return -1;
    const reads = this.damage.get(name);
    if (reads !== undefined) {
      this.damage.set(name, reads + 1);
      const told = DAMAGED[Math.min(reads, DAMAGED.length - 1)];
      if (told !== 0) return told;
    }
    out.set(value.subarray(0, out.length), 0);
    if (reads !== undefined) out[value.length >> 1] ^= 1;
    return value.length;
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    assert.match(name, /^[a-z0-9-]{1,15}$/, "a name that every store can have");
    const now = Buffer.from(bytes.slice(0, length));
    if (name === "motekey-mark") this.marks++;
    else this.writes++;
    const isWritten = this.isWritable && !this.isFull;
    if (!isWritten) this.failures++;
    if (isWritten && !this.isLying) this.bringBack();
    if (this.cut !== undefined) this.tear(name, now);
    const left = this.breaks?.(name, now);
    if (left !== undefined) this.leave(left);
    if (this.isFull) this.erases++;
    if (this.isLying) return true;
    const old = this.values.get(name);
    if (old !== undefined) this.older.set(name, old);
    this.damage.delete(name);
    if (isWritten) this.values.set(name, now);
    else this.values.delete(name);
    if (isWritten && this.isShaken) this.lose(name);
    return isWritten;
  }

  /** The first write after a cut: a read finds it damaged, or fails, or finds nothing. */
  private lose(name: string): void {
    this.isShaken = false;
    this.damage.set(name, this.losses++ % DAMAGED.length);
  }

  private leave({ changes, lie }: Left): never {
    for (const [name, value] of changes) {
      this.damage.delete(name);
      if (value === undefined) this.values.delete(name);
      else this.values.set(name, value);
    }
    this.isShaken = lie !== undefined;
    this.losses = lie ?? this.losses;
    throw new PowerCut();
  }

  private bringBack(): void {
    for (const [name, value] of this.hidden ?? []) if (!this.values.has(name)) this.values.set(name, value);
    this.hidden = undefined;
  }

  private tear(name: string, now: Buffer): never {
    const { afterBytes, tear } = this.cut as { afterBytes: number; tear: Tear };
    const torn = TEARS[tear](this.values.get(name), now, Math.min(afterBytes, now.length));
    this.cut = undefined;
    this.isShaken = true;
    this.damage.delete(name);
    if (torn === undefined) this.values.delete(name);
    else this.values.set(name, torn);
    throw new PowerCut();
  }
}

/** Runs until the power fails. Returns whether it failed. */
export function isCut(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof PowerCut) return true;
    throw error;
  }
}
