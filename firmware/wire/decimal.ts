/** Decimal digits of an integer 0…2^53−1. */
export function decimalLength(value: number): number {
  let length = 1;
  let limit = 10;
  // Ids have 14 or 15 digits: ten steps less for them.
  if (value >= 1e10) {
    length = 11;
    limit = 1e11;
  }
  while (value >= limit) {
    limit *= 10;
    length++;
  }
  return length;
}

/** Writes an integer 0…2^53−1 in decimal. */
export function writeDecimal(out: Uint8Array, at: number, value: number): number {
  const end = at + decimalLength(value);
  let i = end - 1;
  let rest = value;
  // Eight digits at a time are a small integer, which engines divide many times as fast.
  while (rest >= 1e9) {
    const high = Math.floor(rest / 1e8);
    let low = (rest - high * 1e8) | 0;
    const stop = i - 8;
    while (i > stop) {
      const tenth = (low / 10) | 0;
      out[i] = 0x30 + low - tenth * 10;
      low = tenth;
      i--;
    }
    rest = high;
  }
  let small = rest | 0;
  while (i >= at) {
    const tenth = (small / 10) | 0;
    out[i] = 0x30 + small - tenth * 10;
    small = tenth;
    i--;
  }
  return end;
}
