/** The proofs on the engine's own SHA-256: texts of bytes in, texts of bytes out. */

const crypto = require("crypto");
/** The characters of these codes. */
export const chr = String.fromCharCode;

/** A key's two padded blocks (RFC 2104): as secret as the key. */
export type Key = readonly string[];

/** HMAC-SHA-256. */
export const hmac = (key: Key, text: string): string => {
  // One after the other: within each other they would stand on the stack together.
  let digest = crypto.SHA256([key[0], text]);
  digest = crypto.SHA256([key[1], digest]);
  return E.toString(digest);
};

/** Unpadded base64url, `length` characters of it. */
export const base64url = (bytes: string, length: number): string =>
  btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").substr(0, length);

/** 16 bits, the high byte first; whole numbers up to 2^53 − 1 have more, which are left out. */
export const u16 = (value: number): string => chr((value >> 8) & 255, value & 255);
/** 32 bits of it. */
export const u32 = (value: number): string =>
  chr((value / 16777216) & 255, (value / 65536) & 255, (value % 65536) >> 8, value % 256);
/** 64 bits of it. */
export const u64 = (value: number): string => u32(value / 4294967296) + u32(value % 4294967296);

/** The number in so many bytes. */
export const uint = (bytes: string, at: number, count: number): number => {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + bytes.charCodeAt(at + i);
  return value;
};

/** Whether two secrets are equal, in a time that does not depend on where they differ: the sum of the squares of their differences is 0. Neither is empty. */
export const isSame = (one: string, other: string): boolean =>
  one.length === other.length &&
  E.convolve(one, one, 0) + E.convolve(other, other, 0) === 2 * E.convolve(one, other, 0);
