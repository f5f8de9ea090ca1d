import { Lease } from "../time/lease.js";

/** A place for one token. Its bytes are wiped when it leaves. */
export class Slot {
  /** Swapped with the staging area when a token is committed. */
  bytes: Uint8Array;
  /** Bytes of the token; 0: there is none. */
  length: number;
  readonly lease: Lease;
  /** How long it lives is a guess, from which nothing can be computed in another life of the device. */
  isGuess: boolean;
  /** When it was last handed to the app: the least recently used leaves first. */
  usedAtMs: number;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.length = 0;
    this.lease = new Lease();
    this.isGuess = false;
    this.usedAtMs = 0;
  }

  /** Whether it holds a token that is still good. */
  isLive(nowMs: number): boolean {
    return this.length > 0 && nowMs < this.lease.expiresAtMs();
  }

  /** Wipes the token; the place stays its host's. */
  wipe(): void {
    this.bytes.fill(0);
    this.length = 0;
    this.lease.clear();
  }
}
