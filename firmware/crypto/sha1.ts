/** Bytes of a SHA-1 digest. */
export const SHA1_BYTES = 20;

/** Initial hash value (FIPS 180-4, 5.3.1). */
const INITIAL = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);

/**
 * SHA-1 (FIPS 180-4) of one message at a time, for `Sec-WebSocket-Accept` alone: it proves that the server read
 * the handshake, and keeps nothing secret. SHA-1 is broken for everything else.
 */
export class Sha1 {
  private readonly state: Int32Array;
  private readonly schedule: Int32Array;

  constructor() {
    this.state = new Int32Array(5);
    this.schedule = new Int32Array(16);
  }

  /** Leaves no trace of the last message. */
  wipe(): void {
    this.state.fill(0);
    this.schedule.fill(0);
  }

  /** Writes the digest of `bytes[from..to)`, {@link SHA1_BYTES} long, to `out` at `at`. */
  digest(out: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): void {
    const state = this.state;
    const schedule = this.schedule;
    const length = to - from;
    // The bit 1, zeros, and the length in bits as 64 bits (5.1.1): the last block holds at least 9 bytes of it.
    const paddedLength = Math.floor((length + 72) / 64) * 64;
    state.set(INITIAL, 0);
    for (let i = 0; i < paddedLength; i++) {
      const byte = i < length ? bytes[from + i] : i === length ? 0x80 : 0;
      const word = (i >> 2) & 15;
      schedule[word] = (schedule[word] << 8) | byte;
      if ((i & 63) !== 63) continue;
      if (i === paddedLength - 1) {
        schedule[14] = Math.floor(length / 0x20000000);
        schedule[15] = length << 3;
      }
      this.compress();
    }
    for (let i = 0; i < SHA1_BYTES; i++) out[at + i] = (state[i >> 2] >>> (24 - 8 * (i & 3))) & 255;
  }

  /** One block (FIPS 180-4, 6.1.3). The schedule is circular: word t takes the place of word t − 16. */
  private compress(): void {
    const state = this.state;
    const schedule = this.schedule;
    let a = state[0];
    let b = state[1];
    let c = state[2];
    let d = state[3];
    let e = state[4];
    for (let t = 0; t < 80; t++) {
      let word = schedule[t & 15];
      if (t > 15) {
        word ^= schedule[(t + 13) & 15] ^ schedule[(t + 8) & 15] ^ schedule[(t + 2) & 15];
        word = (word << 1) | (word >>> 31);
        schedule[t & 15] = word;
      }
      let mixed = 0;
      if (t < 20) mixed = (d ^ (b & (c ^ d))) + 0x5a827999;
      else if (t < 40) mixed = (b ^ c ^ d) + 0x6ed9eba1;
      else if (t < 60) mixed = ((b & c) | (d & (b | c))) + 0x8f1bbcdc;
      else mixed = (b ^ c ^ d) + 0xca62c1d6;
      const next = (((a << 5) | (a >>> 27)) + mixed + e + word) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    state[0] = (state[0] + a) | 0;
    state[1] = (state[1] + b) | 0;
    state[2] = (state[2] + c) | 0;
    state[3] = (state[3] + d) | 0;
    state[4] = (state[4] + e) | 0;
  }
}
