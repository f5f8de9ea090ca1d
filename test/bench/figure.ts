const digitsOf = (value: number): number =>
  value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));

/** Three figures that count, no exponent. */
export function figure(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return "∞";
  const digits = digitsOf(value);
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The number that {@link figure} prints. */
export const printed = (value: number): number =>
  Number.isFinite(value) ? Number(value.toFixed(digitsOf(value))) : value;
