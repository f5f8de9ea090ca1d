import nacl from "tweetnacl";
import type { Suite } from "./suite.js";

/**
 * XSalsa20 and Poly1305, as NaCl's secretbox has them: 16 bytes of Poly1305's tag, then the ciphertext.
 * @allocates what TweetNaCl does: some 100 bytes and three times the payload, which are garbage at once
 */
export const secretbox: Suite = {
  number: 1,
  tagBytes: nacl.secretbox.overheadLength,
  seal: (key: Uint8Array, nonce: Uint8Array, plain: Uint8Array): Uint8Array =>
    nacl.secretbox(plain, nonce, key),
  open: (key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | null =>
    nacl.secretbox.open(sealed, nonce, key),
};
