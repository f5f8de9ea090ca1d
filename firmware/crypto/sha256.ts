/** Bytes of a SHA-256 digest. */
export const DIGEST_BYTES = 32;

/** Round constants (FIPS 180-4, 4.2.2). */
const ROUND = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

/** Initial hash value (FIPS 180-4, 5.3.3). */
const INITIAL = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

/**
 * SHA-256 (FIPS 180-4), streaming, in 96 bytes of buffers: input bytes go straight into the 16 words of the
 * message schedule, so there is no separate block.
 */
export class Sha256 {
  private readonly state: Int32Array;
  private readonly schedule: Int32Array;
  private fedBytes: number;

  constructor() {
    this.state = new Int32Array(8);
    this.schedule = new Int32Array(16);
    this.fedBytes = 0;
    this.reset();
  }

  /** Starts a new message. The last block of the one before stays in memory until {@link wipe}. */
  reset(): void {
    this.state.set(INITIAL, 0);
    this.fedBytes = 0;
  }

  /** Starts a new message and forgets every byte of the one before. */
  wipe(): void {
    this.schedule.fill(0);
    this.reset();
  }

  /** Continues from a midstate that {@link store} kept: as if its 64 bytes had just been fed. */
  load(midstate: Int32Array): void {
    this.state.set(midstate, 0);
    this.fedBytes = 64;
  }

  /** Keeps the 8 chaining words. Call it after exactly 64 bytes. */
  store(midstate: Int32Array): void {
    midstate.set(this.state, 0);
  }

  /** Feeds one byte. */
  push(byte: number): void {
    const word = (this.fedBytes >> 2) & 15;
    this.schedule[word] = (this.schedule[word] << 8) | byte;
    this.fedBytes++;
    if ((this.fedBytes & 63) === 0) this.compress();
  }

  /** Feeds an unsigned 32-bit number, most significant byte first. */
  pushU32(value: number): void {
    this.push((value >>> 24) & 255);
    this.push((value >>> 16) & 255);
    this.push((value >>> 8) & 255);
    this.push(value & 255);
  }

  /** Feeds `bytes[from..to)`. */
  update(bytes: Uint8Array, from: number, to: number): void {
    const schedule = this.schedule;
    let at = from;
    while (at < to && (this.fedBytes & 3) !== 0) this.push(bytes[at++]);
    let fedBytes = this.fedBytes;
    while (to - at >= 4) {
      schedule[(fedBytes >> 2) & 15] =
        (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
      at += 4;
      fedBytes += 4;
      if ((fedBytes & 63) === 0) this.compress();
    }
    this.fedBytes = fedBytes;
    while (at < to) this.push(bytes[at++]);
  }

  /** Ends the message: writes its 32 bytes to `out` at `at` and starts a new one. */
  digest(out: Uint8Array, at: number): void {
    const state = this.state;
    this.pad();
    for (let i = 0; i < 8; i++) {
      const word = state[i];
      out[at++] = (word >>> 24) & 255;
      out[at++] = (word >>> 16) & 255;
      out[at++] = (word >>> 8) & 255;
      out[at++] = word & 255;
    }
    this.reset();
  }

  /** The bit 1, zeros, and the length in bits as 64 bits (FIPS 180-4, 5.1.1). */
  private pad(): void {
    const schedule = this.schedule;
    const messageBytes = this.fedBytes;
    let word = (messageBytes >> 2) & 15;
    schedule[word] = ((schedule[word] << 8) | 0x80) << (24 - 8 * (messageBytes & 3));
    word++;
    if (word > 14) {
      if (word === 15) schedule[15] = 0;
      this.compress();
      word = 0;
    }
    while (word < 14) schedule[word++] = 0;
    schedule[14] = Math.floor(messageBytes / 0x20000000);
    schedule[15] = messageBytes << 3;
    this.compress();
  }

  /** One block (FIPS 180-4, 6.2.2). The schedule is circular: word t takes the place of word t − 16. */
  private compress(): void {
    const state = this.state;
    const schedule = this.schedule;
    const round = ROUND;
    let a = state[0];
    let b = state[1];
    let c = state[2];
    let d = state[3];
    let e = state[4];
    let f = state[5];
    let g = state[6];
    let h = state[7];
    for (let t = 0; t < 64; t++) {
      let word = schedule[t & 15];
      if (t > 15) {
        const w1 = schedule[(t + 1) & 15];
        const w14 = schedule[(t + 14) & 15];
        word =
          (word +
            (((w1 >>> 7) | (w1 << 25)) ^ ((w1 >>> 18) | (w1 << 14)) ^ (w1 >>> 3)) +
            schedule[(t + 9) & 15] +
            (((w14 >>> 17) | (w14 << 15)) ^ ((w14 >>> 19) | (w14 << 13)) ^ (w14 >>> 10))) |
          0;
        schedule[t & 15] = word;
      }
      const t1 =
        h +
        (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) +
        (g ^ (e & (f ^ g))) +
        round[t] +
        word;
      const t2 =
        (((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) +
        ((a & b) | (c & (a | b)));
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0] = (state[0] + a) | 0;
    state[1] = (state[1] + b) | 0;
    state[2] = (state[2] + c) | 0;
    state[3] = (state[3] + d) | 0;
    state[4] = (state[4] + e) | 0;
    state[5] = (state[5] + f) | 0;
    state[6] = (state[6] + g) | 0;
    state[7] = (state[7] + h) | 0;
  }
}
