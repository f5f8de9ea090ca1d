import { DIGEST_BYTES, Sha256 as PlainSha256 } from "../../proof/sha256.js";

export { DIGEST_BYTES } from "../../proof/sha256.js";

/** Holds a frame with a token of 560 bytes and the block of an HMAC before it. */
const MESSAGE_BYTES = 832;

const findCrypto = (): CryptoModule | null => {
  try {
    return require("crypto");
  } catch (_notBuiltIn) {
    return null;
  }
};

const crypto = findCrypto();

/**
 * SHA-256 in the place of proof/sha256 on this engine. The engine's own is 200 times as fast and takes whole
 * messages only: so a message is collected, and one that gets too long, or meets a build without `crypto`, goes
 * on in ours. It has no midstates; proof/hmac is replaced with it.
 */
export class Sha256 {
  private readonly plain: PlainSha256;
  private readonly message: Uint8Array;
  private messageLength: number;
  /** The message so far went to `plain`. */
  private isPlain: boolean;

  /** @param messageBytes bytes that are collected; 832 when absent */
  constructor(messageBytes?: number) {
    const size = messageBytes === undefined ? MESSAGE_BYTES : messageBytes;
    this.plain = new PlainSha256();
    this.message = new Uint8Array(crypto === null ? 0 : size);
    this.messageLength = 0;
    this.isPlain = false;
  }

  reset(): void {
    this.messageLength = 0;
    if (this.isPlain) this.plain.reset();
    this.isPlain = false;
  }

  wipe(): void {
    this.message.fill(0);
    this.plain.wipe();
    this.messageLength = 0;
    this.isPlain = false;
  }

  push(byte: number): void {
    if (!this.isPlain && this.messageLength === this.message.length) this.spill();
    if (this.isPlain) this.plain.push(byte);
    else this.message[this.messageLength++] = byte;
  }

  pushU32(value: number): void {
    this.push((value >>> 24) & 255);
    this.push((value >>> 16) & 255);
    this.push((value >>> 8) & 255);
    this.push(value & 255);
  }

  update(bytes: Uint8Array, from: number, to: number): void {
    const end = this.messageLength + to - from;
    if (!this.isPlain && end > this.message.length) this.spill();
    if (this.isPlain) this.plain.update(bytes, from, to);
    else if (to > from) {
      this.message.set(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from), this.messageLength);
      this.messageLength = end;
    }
  }

  digest(out: Uint8Array, at: number): void {
    // A view of length 0 is one of the whole buffer there.
    if (this.isPlain || crypto === null || this.messageLength === 0) {
      this.spill();
      this.plain.digest(out, at);
    } else {
      const message = new Uint8Array(this.message.buffer, 0, this.messageLength);
      out.set(new Uint8Array(crypto.SHA256(message), 0, DIGEST_BYTES), at);
    }
    this.reset();
  }

  private spill(): void {
    if (this.isPlain) return;
    this.isPlain = true;
    this.plain.update(this.message, 0, this.messageLength);
  }
}
