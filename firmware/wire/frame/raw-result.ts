import { copyBytes, NO_BYTES } from "../bytes.js";

const COLON = 0x3a;
const SPACE = 0x20;

/** Keeps the `result` of one frame as it stands in it, for a call whose answer has no shape that we know. */
export class RawResult {
  /** The frame that it is kept of; 0: none. */
  id: number;
  /** Where it goes, and how long it is: more than fits is counted, not kept. −1: none came yet. */
  out: Uint8Array;
  length: number;
  /** The value's bytes are coming. */
  isOpen: boolean;

  constructor() {
    this.id = 0;
    this.out = NO_BYTES;
    this.length = -1;
    this.isOpen = false;
  }

  /** The result of the frame with this id is wanted. */
  expect(id: number, out: Uint8Array): void {
    this.id = id;
    this.out = out;
    this.length = -1;
    this.isOpen = false;
  }

  /** The key was read: bytes up to the value's end follow. */
  open(id: number): void {
    this.isOpen = this.id !== 0 && this.id === id;
    if (this.isOpen) this.length = 0;
  }

  /** Bytes from behind the key on, while it is open. */
  take(bytes: Uint8Array, from: number, to: number): void {
    const out = this.out;
    let at = from;
    // Between key and value stand the colon and white space, which is all below it.
    while (at < to && this.length === 0 && (bytes[at] === COLON || bytes[at] <= SPACE)) at++;
    const kept = Math.max(0, Math.min(to - at, out.length - this.length));
    copyBytes(out, this.length, bytes, at, at + kept);
    this.length += to - at;
  }
}
