/** The floats of CBOR (RFC 8949, 3.3; IEEE 754), put together from their bits: exact, and without a DataView. */

const TWO_32 = 4294967296;
/** 2^(2^index), up to 2^512: squared here, as not every engine reads so long a literal to the last bit. */
const POWERS: number[] = [2];
for (let i = 0; i < 9; i++) POWERS.push(POWERS[i] * POWERS[i]);

/** `value · 2^exponent`. Each step is exact, and so is the result where it can be written at all. */
function scaled(value: number, exponent: number): number {
  let result = value;
  let rest = exponent < 0 ? -exponent : exponent;
  for (let i = POWERS.length - 1; i >= 0; i--) {
    while (rest >= 1 << i) {
      result = exponent < 0 ? result / POWERS[i] : result * POWERS[i];
      rest -= 1 << i;
    }
  }
  return result;
}

function floatOf(isNegative: boolean, exponent: number, fraction: number, bits: number, top: number): number {
  // The exponents 0 and `top` are those of subnormal numbers, and of infinity and NaN; the bias lies in between.
  const bias = (top - 1) / 2;
  let value = 0;
  if (exponent === top) value = fraction === 0 ? Infinity : Infinity - Infinity;
  else if (exponent === 0) value = scaled(fraction, 1 - bias - bits);
  else value = scaled(fraction + scaled(1, bits), exponent - bias - bits);
  return isNegative ? -value : value;
}

/**
 * The number that a float stands for.
 *
 * @param width 2, 4 or 8 bytes
 * @param high the first four of eight bytes, else 0
 * @param low the last four bytes, or the two
 */
export function readFloat(width: number, high: number, low: number): number {
  if (width === 2) return floatOf(low >= 0x8000, (low >> 10) & 0x1f, low & 0x3ff, 10, 0x1f);
  if (width === 4) return floatOf(low >= 0x80000000, (low >> 23) & 0xff, low & 0x7fffff, 23, 0xff);
  const fraction = (high & 0xfffff) * TWO_32 + low;
  return floatOf(high >= 0x80000000, (high >> 20) & 0x7ff, fraction, 52, 0x7ff);
}
