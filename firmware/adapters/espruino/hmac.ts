import { DIGEST_BYTES, type Sha256 } from "./sha256.js";

const BLOCK_BYTES = 64;

/**
 * HMAC-SHA-256 (RFC 2104) in the place of proof/hmac on this engine, whose SHA-256 has no midstates: the two padded
 * blocks are kept themselves. They are as secret as the key.
 */
export class HmacKey {
  readonly inner: Uint8Array;
  readonly outer: Uint8Array;
  readonly digest: Uint8Array;

  constructor() {
    this.inner = new Uint8Array(BLOCK_BYTES);
    this.outer = new Uint8Array(BLOCK_BYTES);
    this.digest = new Uint8Array(DIGEST_BYTES);
  }

  set(hash: Sha256, key: Uint8Array, from: number, to: number): void {
    const inner = this.inner;
    const outer = this.outer;
    if (to - from > BLOCK_BYTES) {
      hash.reset();
      hash.update(key, from, to);
      hash.digest(this.digest, 0);
      key = this.digest;
      from = 0;
      to = DIGEST_BYTES;
    }
    inner.fill(0x36);
    outer.fill(0x5c);
    for (let i = from; i < to; i++) {
      inner[i - from] = key[i] ^ 0x36;
      outer[i - from] = key[i] ^ 0x5c;
    }
    hash.wipe();
    this.digest.fill(0);
  }

  wipe(): void {
    this.inner.fill(0);
    this.outer.fill(0);
    this.digest.fill(0);
  }
}

/** Starts a MAC; the message follows through `hash.update` and `hash.push`. */
export function hmacBegin(hash: Sha256, key: HmacKey): void {
  hash.reset();
  hash.update(key.inner, 0, BLOCK_BYTES);
}

/** Ends a MAC: writes its 32 bytes to `out` at `at`. `out` may be `key.digest` at 0. */
export function hmacEnd(hash: Sha256, key: HmacKey, out: Uint8Array, at: number): void {
  hash.digest(key.digest, 0);
  hash.update(key.outer, 0, BLOCK_BYTES);
  hash.update(key.digest, 0, DIGEST_BYTES);
  hash.digest(out, at);
}
