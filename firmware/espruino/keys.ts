/** What is made of secrets, seldom: keys, and random numbers. */

import { chr, hmac, type Key, uint } from "./proofs.js";

const crypto = require("crypto");

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

/** HKDF-SHA-256 of a pre-shared key, without a salt, 32 bytes. */
export const derive = (psk: string, purpose: string): Key => {
  // One after the other: within each other they would stand on the stack together.
  let key = keyOf("");
  let mac = hmac(key, psk);
  key = keyOf(mac);
  mac = hmac(key, `motekey ${purpose} v1\x01`);
  key = keyOf(mac);
  return key;
};

/** Evenly spread in [0, 1), from random bytes or a MAC. */
export const unit = (bytes: string): number => uint(bytes, 0, 6) / 281474976710656;

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
