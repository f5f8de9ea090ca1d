/** Bytes of a SHA-256 digest. */
export const DIGEST_BYTES = 32;

/** The chaining words, how much was fed, and the last block: as the C of `firmware/native` lays them out. */
const HASH_BYTES = 104;

const hashReset: (hash: Uint8Array) => void = native("xs_motekey_hashReset");
const hashPush: (hash: Uint8Array, byte: number) => void = native("xs_motekey_hashPush");
const hashUpdate: (hash: Uint8Array, bytes: Uint8Array, from: number, to: number) => void =
  native("xs_motekey_hashUpdate");
const hashDigest: (hash: Uint8Array, out: Uint8Array, at: number) => void = native("xs_motekey_hashDigest");
const hashLoad: (hash: Uint8Array, midstate: ArrayBufferLike) => void = native("xs_motekey_hashLoad");
const hashStore: (hash: Uint8Array, midstate: ArrayBufferLike) => void = native("xs_motekey_hashStore");

/** SHA-256 in the place of crypto/sha256 on this engine, with the C of `firmware/native`: the same members. */
export class Sha256 {
  private readonly hash: Uint8Array;

  constructor() {
    this.hash = new Uint8Array(HASH_BYTES);
    hashReset(this.hash);
  }

  reset(): void {
    hashReset(this.hash);
  }

  wipe(): void {
    this.hash.fill(0);
    hashReset(this.hash);
  }

  load(midstate: Int32Array): void {
    hashLoad(this.hash, midstate.buffer);
  }

  store(midstate: Int32Array): void {
    hashStore(this.hash, midstate.buffer);
  }

  push(byte: number): void {
    hashPush(this.hash, byte);
  }

  pushU32(value: number): void {
    hashPush(this.hash, (value >>> 24) & 255);
    hashPush(this.hash, (value >>> 16) & 255);
    hashPush(this.hash, (value >>> 8) & 255);
    hashPush(this.hash, value & 255);
  }

  update(bytes: Uint8Array, from: number, to: number): void {
    hashUpdate(this.hash, bytes, from, to);
  }

  digest(out: Uint8Array, at: number): void {
    hashDigest(this.hash, out, at);
  }
}
