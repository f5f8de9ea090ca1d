import { base64url, u32 } from "./proofs.js";
import { my } from "./state.js";

const crypto = require("crypto");

/**
 * The token in what the cloud sealed (the wire's B7): base64url of 12 bytes of salt and the token combined with a
 * keystream. "": it is no such text. By words of 32 bits: each turn of a loop is read from its source anew.
 */
export const unseal = (sealed: string): string => {
  const bytes = atob(sealed.replaceAll("-", "+").replaceAll("_", "/") + "===".substr(0, -sealed.length & 3));
  const length = bytes.length;
  if (length < 13 || base64url(bytes, sealed.length) !== sealed) return "";
  const salt = bytes.substr(0, 12);
  const words = new Uint32Array(E.toArrayBuffer(bytes.substr(12) + "\0\0\0".substr(0, -length & 3)));
  const count = words.length;
  for (let i = 0; i < count; i += 8) {
    // Its call within the other ones would stand on the stack above them.
    const block = u32(i / 8);
    const stream = new Uint32Array(crypto.SHA256([my.sealKey, salt, block]));
    const most = Math.min(8, count - i);
    for (let j = 0; j < most; j++) words[i + j] ^= stream[j];
  }
  return E.toString(words.buffer).substr(0, length - 12);
};
