/** Bytes of a point, and of a secret key. */
export const X25519_BYTES = 32;

const LIMBS = 16;
const RADIX = 65_536;
/** Bits of the secret key that the ladder takes, from the highest on; bit 255 is cleared (RFC 7748, 5). */
const LADDER_STEPS = 255;
/** Squarings of the inversion, from 2^254 down; all but two of them with a multiplication. */
const INVERSION_STEPS = 254;
/** As many squarings of the inversion take about as long as a step of the ladder. */
const INVERSION_SHARE = 5;
/** (486662 − 2) / 4. */
const A24 = 121_665;

/** A number modulo 2^255 − 19: 16 limbs of 16 bits, the lowest first, carried over only where that is said. */
type Field = number[];

/** @construction */
const newField = (): Field => {
  const field: number[] = new Array(LIMBS);
  return field.fill(0);
};

const copy = (out: Field, a: Field): void => {
  for (let i = 0; i < LIMBS; i++) out[i] = a[i];
};

const add = (out: Field, a: Field, b: Field): void => {
  for (let i = 0; i < LIMBS; i++) out[i] = a[i] + b[i];
};

const subtract = (out: Field, a: Field, b: Field): void => {
  for (let i = 0; i < LIMBS; i++) out[i] = a[i] - b[i];
};

/** Exchanges the two where `bit` is 1, and takes as long where it is 0. */
const swap = (a: Field, b: Field, bit: number): void => {
  const mask = -bit;
  for (let i = 0; i < LIMBS; i++) {
    const difference = mask & (a[i] ^ b[i]);
    a[i] ^= difference;
    b[i] ^= difference;
  }
};

const carry = (a: Field): void => {
  let over = 0;
  for (let i = 0; i < LIMBS; i++) {
    const limb = a[i] + over;
    over = Math.floor(limb / RADIX);
    a[i] = limb - over * RADIX;
  }
  // 2^256 is 38.
  a[0] += 38 * over;
};

/**
 * X25519 (RFC 7748, section 5) in steps of about ten multiplications each: on a microcontroller the whole takes seconds,
 * in which the device goes on with its work between any two steps. What is done does not depend on the secret key.
 *
 * It is made when a key is to be agreed on, and wiped afterwards: it takes some 3 kB on XS meanwhile.
 */
export class X25519 {
  private readonly secret: Uint8Array;
  private readonly point: Field;
  private readonly product: number[];
  private readonly a: Field;
  private readonly b: Field;
  private readonly c: Field;
  private readonly d: Field;
  private readonly e: Field;
  private readonly f: Field;
  private readonly a24: Field;
  private done: number;

  constructor() {
    const product: number[] = new Array(2 * LIMBS);
    this.secret = new Uint8Array(X25519_BYTES);
    this.point = newField();
    this.product = product.fill(0);
    this.a = newField();
    this.b = newField();
    this.c = newField();
    this.d = newField();
    this.e = newField();
    this.f = newField();
    this.a24 = newField();
    this.done = 0;
  }

  /** Begins with the base point: the result is the public key of `secret`, 32 bytes of any value. */
  beginPublic(secret: Uint8Array): void {
    this.point.fill(0);
    this.point[0] = 9;
    this.start(secret);
  }

  /** Begins with a public key of somebody else, the first 32 bytes of `point`: the result is the shared secret. */
  beginShared(secret: Uint8Array, point: Uint8Array): void {
    for (let i = 0; i < LIMBS; i++) this.point[i] = point[2 * i] + 256 * point[2 * i + 1];
    this.point[LIMBS - 1] &= 0x7fff;
    this.start(secret);
  }

  /** @returns whether that was the last step */
  step(): boolean {
    const end = LADDER_STEPS + INVERSION_STEPS;
    if (this.done < LADDER_STEPS) this.climb(LADDER_STEPS - 1 - this.done++);
    else {
      if (this.done === LADDER_STEPS) copy(this.e, this.c);
      for (let i = 0; i < INVERSION_SHARE && this.done < end; i++)
        this.invert(INVERSION_STEPS - 1 - (this.done++ - LADDER_STEPS));
    }
    return this.done >= end;
  }

  /**
   * Writes the result to the first 32 bytes of `out`, after the last step.
   * @returns whether it is anything but zeros, as which a point of low order shows (RFC 7748, 6.1)
   */
  finish(out: Uint8Array): boolean {
    const a = this.a;
    const least = this.b;
    this.multiply(a, a, this.e);
    for (let i = 0; i < 3; i++) carry(a);
    // It is below 2^255 now, and the least one of its kind once the modulus was taken off it as often as it goes.
    for (let round = 0; round < 2; round++) {
      least[0] = a[0] - 0xffed;
      for (let i = 1; i < LIMBS; i++) {
        least[i] = a[i] - (i < LIMBS - 1 ? 0xffff : 0x7fff) - ((least[i - 1] >> 16) & 1);
        least[i - 1] &= 0xffff;
      }
      const isBelow = (least[LIMBS - 1] >> 16) & 1;
      least[LIMBS - 1] &= 0xffff;
      swap(a, least, 1 - isBelow);
    }
    let all = 0;
    for (let i = 0; i < LIMBS; i++) {
      out[2 * i] = a[i] & 0xff;
      out[2 * i + 1] = a[i] >> 8;
      all |= a[i];
    }
    return all !== 0;
  }

  /** Forgets everything. */
  wipe(): void {
    this.secret.fill(0);
    this.product.fill(0);
    this.point.fill(0);
    this.a.fill(0);
    this.b.fill(0);
    this.c.fill(0);
    this.d.fill(0);
    this.e.fill(0);
    this.f.fill(0);
  }

  private start(secret: Uint8Array): void {
    for (let i = 0; i < X25519_BYTES; i++) this.secret[i] = secret[i];
    this.secret[0] &= 0xf8;
    this.secret[X25519_BYTES - 1] = (this.secret[X25519_BYTES - 1] & 0x7f) | 0x40;
    copy(this.b, this.point);
    this.a.fill(0);
    this.c.fill(0);
    this.d.fill(0);
    this.a[0] = 1;
    this.d[0] = 1;
    this.a24[0] = A24 % RADIX;
    this.a24[1] = Math.floor(A24 / RADIX);
    this.done = 0;
  }

  /** One bit of the Montgomery ladder: the points (a : c) and (b : d), whose difference stays the point. */
  private climb(bitAt: number): void {
    const a = this.a;
    const b = this.b;
    const c = this.c;
    const d = this.d;
    const e = this.e;
    const f = this.f;
    const bit = (this.secret[bitAt >> 3] >> (bitAt & 7)) & 1;
    swap(a, b, bit);
    swap(c, d, bit);
    add(e, a, c);
    subtract(a, a, c);
    add(c, b, d);
    subtract(b, b, d);
    this.multiply(d, e, e);
    this.multiply(f, a, a);
    this.multiply(a, c, a);
    this.multiply(c, b, e);
    add(e, a, c);
    subtract(a, a, c);
    this.multiply(b, a, a);
    subtract(c, d, f);
    this.multiply(a, c, this.a24);
    add(a, a, d);
    this.multiply(c, c, a);
    this.multiply(a, d, f);
    this.multiply(d, b, this.point);
    this.multiply(b, e, e);
    swap(a, b, bit);
    swap(c, d, bit);
  }

  /** One step of e = c^(p − 2), whose exponent has every bit set but 2 and 4. */
  private invert(bitAt: number): void {
    this.multiply(this.e, this.e, this.e);
    if (bitAt !== 2 && bitAt !== 4) this.multiply(this.e, this.e, this.c);
  }

  /** `out` may be one of the factors. Sums stay below 2^53: limbs have 19 bits at the most, with their sign. */
  private multiply(out: Field, x: Field, y: Field): void {
    const product = this.product;
    product.fill(0);
    for (let i = 0; i < LIMBS; i++) {
      const limb = x[i];
      for (let k = 0; k < LIMBS; k++) product[i + k] += limb * y[k];
    }
    for (let i = 0; i < LIMBS; i++) out[i] = product[i] + 38 * product[i + LIMBS];
    carry(out);
    carry(out);
  }
}
