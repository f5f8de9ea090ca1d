/** In the place of wire/decimal on this engine, which writes whole numbers up to 2^53 − 1 exactly. */

/** Decimal digits of an integer 0…2^53−1. */
export const decimalLength = (value: number): number => `${value}`.length;

/** Writes an integer 0…2^53−1 in decimal. */
export function writeDecimal(out: Uint8Array, at: number, value: number): number {
  const text = `${value}`;
  out.set(text, at);
  return at + text.length;
}
