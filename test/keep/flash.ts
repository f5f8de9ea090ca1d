import assert from "node:assert/strict";
import type { Store } from "../../firmware/index.js";

/** The power went: the device that was writing is no more. */
export class PowerCut extends Error {}

/** What a value is while it is being written: the first `n` of the new bytes, and behind them… */
export const TEARS = {
  /** …nothing: the old value was erased before (ESP32's preferences, Espruino's Storage). */
  short: (_old: Buffer, now: Buffer, n: number) => (n === 0 ? undefined : now.subarray(0, n)),
  /** …erased flash. */
  erased: (_old: Buffer, now: Buffer, n: number) =>
    Buffer.concat([now.subarray(0, n), Buffer.alloc(now.length - n, 0xff)]),
  /** …what was there before. */
  mixed: (old: Buffer, now: Buffer, n: number) => Buffer.concat([now.subarray(0, n), old.subarray(n)]),
} satisfies Record<string, (old: Buffer, now: Buffer, n: number) => Buffer | undefined>;

/** How writes can be torn. */
export type Tear = keyof typeof TEARS;

/** A device's flash with the limits of the real ones; it outlives the device, and can be cut and fail. */
export class Flash implements Store {
  readonly values = new Map<string, Buffer>();
  /** Writes begun, whatever became of them. */
  writes = 0;
  isReadable = true;
  isWritable = true;
  /** The next write loses its bytes and says that all is well. */
  isLying = false;
  private cut: { readonly afterBytes: number; readonly tear: Tear } | undefined;

  /** The power goes during the next write, after this many of its bytes. */
  cutNextWrite(afterBytes: number, tear: Tear): void {
    this.cut = { afterBytes, tear };
  }

  read(name: string, out: Uint8Array): number {
    const value = this.values.get(name);
    if (!this.isReadable) return -2;
    if (value === undefined) return -1;
    out.set(value.subarray(0, out.length), 0);
    return value.length;
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    assert.match(name, /^[a-z0-9-]{1,15}$/, "a name that every store can have");
    const now = Buffer.from(bytes.slice(0, length));
    this.writes++;
    if (!this.isWritable) return false;
    if (this.isLying) return true;
    if (this.cut !== undefined) this.tear(name, now);
    this.values.set(name, now);
    return true;
  }

  private tear(name: string, now: Buffer): never {
    const { afterBytes, tear } = this.cut as { afterBytes: number; tear: Tear };
    const old = this.values.get(name) ?? Buffer.alloc(0);
    const torn = TEARS[tear](old, now, Math.min(afterBytes, now.length));
    this.cut = undefined;
    if (torn === undefined) this.values.delete(name);
    else this.values.set(name, torn);
    throw new PowerCut();
  }
}

/** Runs until the power goes. Returns whether it went. */
export function isCut(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof PowerCut) return true;
    throw error;
  }
}
