import { DIGEST_BYTES, type Sha256 } from "./sha256.js";

/** The block of SHA-256: a longer key is hashed first (RFC 2104, 2). */
const BLOCK_BYTES = 64;

/** Feeds one block, the key padded with zeros and combined with `mask`, and keeps the midstate. */
function absorbKey(hash: Sha256, key: Uint8Array, length: number, mask: number, midstate: Int32Array): void {
  hash.reset();
  for (let i = 0; i < BLOCK_BYTES; i++) hash.push(i < length ? key[i] ^ mask : mask);
  hash.store(midstate);
}

/**
 * A key of HMAC-SHA-256 (RFC 2104), kept as the two midstates after its padded blocks: a MAC costs two blocks
 * less, and the key's own bytes are not kept. The midstates are as secret as the key.
 */
export class HmacKey {
  readonly inner: Int32Array;
  readonly outer: Int32Array;
  /** Scratch, 32 bytes: the next {@link hmacEnd} or {@link HmacKey.set} with this key overwrites it. */
  readonly digest: Uint8Array;

  constructor() {
    this.inner = new Int32Array(8);
    this.outer = new Int32Array(8);
    this.digest = new Uint8Array(DIGEST_BYTES);
  }

  /** Takes `key[0..length)`, of any length; it may lie in {@link digest}. Leaves no trace of it in `hash`. */
  set(hash: Sha256, key: Uint8Array, length: number): void {
    if (length > BLOCK_BYTES) {
      hash.reset();
      hash.update(key, 0, length);
      hash.digest(this.digest, 0);
      key = this.digest;
      length = DIGEST_BYTES;
    }
    absorbKey(hash, key, length, 0x36, this.inner);
    absorbKey(hash, key, length, 0x5c, this.outer);
    hash.wipe();
    this.digest.fill(0);
  }

  /** Forgets the key. What is computed with it afterwards proves nothing: the owner has to refuse. */
  wipe(): void {
    this.inner.fill(0);
    this.outer.fill(0);
    this.digest.fill(0);
  }
}

/** Starts a MAC; the message follows through `hash.update` and `hash.push`. */
export function hmacBegin(hash: Sha256, key: HmacKey): void {
  hash.load(key.inner);
}

/** Ends a MAC: writes its 32 bytes to `out` at `at`. `out` may be `key.digest` at 0. */
export function hmacEnd(hash: Sha256, key: HmacKey, out: Uint8Array, at: number): void {
  hash.digest(key.digest, 0);
  hash.load(key.outer);
  hash.update(key.digest, 0, DIGEST_BYTES);
  hash.digest(out, at);
}
