/** The rig's clock, random numbers and flash. They run inside XS and make no garbage while a device is measured. */
import type { Clock, Entropy, Store, Waker } from "../../firmware/index.js";
import { copyBytes } from "../../firmware/wire/bytes.js";

/** Virtual time and the one timer, which is fired by hand. */
export class HandClock implements Clock {
  nowMs: number;
  private waker: Waker | null;

  constructor() {
    this.nowMs = 0;
    this.waker = null;
  }

  now(): number {
    return this.nowMs;
  }

  wakeAfter(_delayMs: number, waker: Waker): void {
    this.waker = waker;
  }

  cancel(): void {
    this.waker = null;
  }

  fire(): void {
    const waker = this.waker;
    this.waker = null;
    if (waker !== null) waker.turn();
  }
}

/** Bytes that are the same every time: ids begin at 0x808080808080, which has 15 digits. */
export const entropy: Entropy = {
  fill(bytes: Uint8Array, from: number, to: number): void {
    for (let i = from; i < to; i++) bytes[i] = 0x80;
  },
};

/** Names and the longest value, bytes, that the rig's flash has room for. */
const STORE_NAMES = 8;
const STORE_BYTES = 128;

/** A device's flash that makes garbage only when a name is new. */
export class RigStore implements Store {
  writes: number;
  private readonly names: string[];
  private readonly values: Uint8Array[];
  private readonly lengths: Int32Array;

  constructor() {
    this.writes = 0;
    this.names = [];
    this.values = [];
    this.lengths = new Int32Array(STORE_NAMES);
  }

  read(name: string, out: Uint8Array): number {
    const at = this.names.indexOf(name);
    if (at < 0) return -1;
    copyBytes(out, 0, this.values[at], 0, Math.min(out.length, this.lengths[at]));
    return this.lengths[at];
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    let at = this.names.indexOf(name);
    if (at < 0) {
      at = this.names.length;
      this.names.push(name);
      this.values.push(new Uint8Array(STORE_BYTES));
    }
    this.writes++;
    copyBytes(this.values[at], 0, bytes, 0, length);
    this.lengths[at] = length;
    return true;
  }
}
