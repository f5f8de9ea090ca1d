import { type HmacKey, hmacBegin, hmacEnd } from "../crypto/hmac.js";
import { DIGEST_BYTES, type Sha256 } from "../crypto/sha256.js";
import { bytesOf } from "../wire/bytes.js";

const INFO = bytesOf("motekey seal v1");
const SALT_AT = DIGEST_BYTES;
const COUNT_AT = 44;
const BLOCK_BYTES = 64;

/**
 * Opens tokens that come sealed under a MAC session (the wire's B7): the token combined with a keystream whose block i,
 * of 32 bytes, is SHA-256(Se ‖ salt ‖ u32be(i)). It hides the token and proves nothing: the frame's MAC proves it, and is checked first.
 */
export class Seal {
  /** Se, a salt, and the count, padded to one block of SHA-256 (FIPS 180-4, 5.1.1). */
  private readonly block: Uint8Array;
  private readonly stream: Int32Array;

  constructor() {
    this.block = new Uint8Array(BLOCK_BYTES);
    this.stream = new Int32Array(DIGEST_BYTES / 4);
  }

  /** A session begins: Se = HMAC-SHA-256(S, `motekey seal v1`). @param session its key, S */
  begin(hash: Sha256, session: HmacKey): void {
    const block = this.block;
    hmacBegin(hash, session);
    hash.update(INFO, 0, INFO.length);
    hmacEnd(hash, session, block, 0);
    hash.wipe();
    block[48] = 0x80;
    block[62] = (48 * 8) >> 8;
    block[63] = (48 * 8) & 255;
  }

  /** Opens `bytes[0..length)` in place. @param salt of this token, 12 bytes */
  open(hash: Sha256, salt: Uint8Array, bytes: Uint8Array, length: number): void {
    const block = this.block;
    const stream = this.stream;
    block.set(salt, SALT_AT);
    for (let at = 0; at < length; at += DIGEST_BYTES) {
      const count = at / DIGEST_BYTES;
      block[COUNT_AT] = count >> 24;
      block[COUNT_AT + 1] = count >> 16;
      block[COUNT_AT + 2] = count >> 8;
      block[COUNT_AT + 3] = count;
      hash.reset();
      hash.update(block, 0, BLOCK_BYTES);
      hash.store(stream);
      this.combine(bytes, at, Math.min(length, at + DIGEST_BYTES));
    }
    stream.fill(0);
    hash.wipe();
  }

  /** Forgets the session. */
  wipe(): void {
    this.block.fill(0);
  }

  /** With the stream's words, most significant byte first. */
  private combine(bytes: Uint8Array, from: number, to: number): void {
    const stream = this.stream;
    let at = from;
    for (let i = 0; at < to; i++) {
      const word = stream[i];
      bytes[at] ^= word >> 24;
      if (at + 3 < to) {
        bytes[at + 1] ^= word >> 16;
        bytes[at + 2] ^= word >> 8;
        bytes[at + 3] ^= word;
      } else {
        if (at + 1 < to) bytes[at + 1] ^= word >> 16;
        if (at + 2 < to) bytes[at + 2] ^= word >> 8;
      }
      at += 4;
    }
  }
}
