/** The proofs on the engine's own SHA-256: texts of bytes in, texts of bytes out. */

const crypto = require("crypto");
/** The characters of these codes. */
export const chr = String.fromCharCode;

/** A key's two padded blocks (RFC 2104): as secret as the key. */
export type Key = readonly string[];

const sha = (text: string): string => E.toString(crypto.SHA256(text));

/** Ready for {@link hmac}. */
export const keyOf = (secret: string): Key => {
  const key = secret.length > 64 ? sha(secret) : secret;
  let inner = "";
  let outer = "";
  for (let i = 0; i < 64; i++) {
    const code = i < key.length ? key.charCodeAt(i) : 0;
    inner += chr(code ^ 54);
    outer += chr(code ^ 92);
  }
  return [inner, outer];
};

/** HMAC-SHA-256. */
export const hmac = (key: Key, text: string): string =>
  E.toString(crypto.SHA256([key[1], crypto.SHA256([key[0], text])]));

/** HKDF-SHA-256 of a pre-shared key, without a salt, 32 bytes. */
export const derive = (psk: string, purpose: string): Key =>
  keyOf(hmac(keyOf(hmac(keyOf(""), psk)), `motekey ${purpose} v1\x01`));

/** Unpadded base64url, `length` characters of it. */
export const base64url = (bytes: string, length: number): string =>
  btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").substr(0, length);

/** 16 bits, the high byte first; whole numbers up to 2^53 − 1 have more, which are left out. */
export const u16 = (value: number): string => chr((value >> 8) & 255, value & 255);
/** 32 bits of it. */
export const u32 = (value: number): string => u16(value / 65536) + u16(value % 65536);
/** 64 bits of it. */
export const u64 = (value: number): string => u32(value / 4294967296) + u32(value % 4294967296);

/** The number in so many bytes. */
export const uint = (bytes: string, at: number, count: number): number => {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + bytes.charCodeAt(at + i);
  return value;
};

/** Evenly spread in [0, 1), from random bytes or a MAC. */
export const unit = (bytes: string): number => uint(bytes, 0, 6) / 281474976710656;

/** Whether two secrets are equal, in a time that tells nothing of where they differ. */
export const isSame = (one: string, other: string): boolean =>
  one.length === other.length &&
  E.convolve(one, one, 0) + E.convolve(other, other, 0) === 2 * E.convolve(one, other, 0);

/** Random bytes, as DESIGN.md has them for an engine whose own repeat at each boot: a chain of SHA-256. */
let chain = "";
/** Begins the random numbers: what is secret keeps them from others, what rises keeps boots apart. */
export const stir = (text: string): void => {
  chain = sha(chain + text);
};
/** So many random bytes, 32 at the most. */
export const random = (length: number): string => {
  const bytes = sha(`\0${chain}`);
  chain = sha(`\x01${chain}`);
  return bytes.substr(0, length);
};
