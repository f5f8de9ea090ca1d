import { bytesOf } from "../wire/bytes.js";

const ALPHABET = bytesOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

/** How many characters of unpadded base64url hold this many bytes. */
export function base64urlLength(bytes: number): number {
  return Math.floor((bytes * 4 + 2) / 3);
}

/** Writes `bytes[from..to)` as unpadded base64url (RFC 4648, 5) to `out` at `at`; returns where it ends. */
export function writeBase64url(
  out: Uint8Array,
  at: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  let held = 0;
  let heldBits = 0;
  for (let i = from; i < to; i++) {
    held = ((held & 15) << 8) | bytes[i];
    heldBits += 8;
    while (heldBits >= 6) {
      heldBits -= 6;
      out[at++] = ALPHABET[(held >> heldBits) & 63];
    }
  }
  if (heldBits > 0) out[at++] = ALPHABET[(held << (6 - heldBits)) & 63];
  return at;
}

/** How many characters of padded base64 hold this many bytes. */
export function base64Length(bytes: number): number {
  return Math.floor((bytes + 2) / 3) * 4;
}

/** Writes `bytes[from..to)` as padded base64 (RFC 4648, 4) to `out` at `at`; returns where it ends. */
export function writeBase64(
  out: Uint8Array,
  at: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  let end = writeBase64url(out, at, bytes, from, to);
  for (let i = at; i < end; i++) {
    if (out[i] === 0x2d) out[i] = 0x2b;
    else if (out[i] === 0x5f) out[i] = 0x2f;
  }
  while (((end - at) & 3) !== 0) out[end++] = 0x3d;
  return end;
}

/**
 * Reads `text[from..to)`, unpadded base64url, into `out` at `at`, which may be the text's own place. Returns
 * where the bytes end, or −1 when the text is not the one way to write them: a foreign character, a length
 * of 4n + 1, or unused bits that are not zero (RFC 4648, 3.5). `out` holds part of the bytes then.
 */
export function readBase64url(
  out: Uint8Array,
  at: number,
  text: Uint8Array,
  from: number,
  to: number,
): number {
  if (((to - from) & 3) === 1) return -1;
  let held = 0;
  let heldBits = 0;
  for (let i = from; i < to; i++) {
    const value = ALPHABET.indexOf(text[i]);
    if (value < 0) return -1;
    held = ((held & 63) << 6) | value;
    heldBits += 6;
    if (heldBits >= 8) {
      heldBits -= 8;
      out[at++] = (held >> heldBits) & 255;
    }
  }
  return (held & ((1 << heldBits) - 1)) === 0 ? at : -1;
}
