import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";

/** A new pre-shared key: 32 random bytes as 43 characters of base64url. */
export function newPsk(): string {
  return randomBytes(32).toString("base64url");
}

/** Are both texts equal? Takes the same time wherever they differ, also when their lengths do. */
export function sameSecret(left: string | Uint8Array, right: string | Uint8Array): boolean {
  return timingSafeEqual(sha256(left), sha256(right));
}

/** SHA-256 of bytes or UTF-8 text. */
export function sha256(input: string | Uint8Array): Buffer {
  return createHash("sha256").update(input).digest();
}

/** HMAC-SHA-256 (RFC 2104) over the parts in a row. */
export function hmac(key: Uint8Array, ...parts: (string | Uint8Array)[]): Buffer {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** The keys that prove an entity: the next one too, while there is one. */
export function keysOf({ psk, nextPsk }: { psk: string; nextPsk?: string }): readonly string[] {
  return nextPsk === undefined ? [psk] : [psk, nextPsk];
}

/** What operators know a PSK by: 16 digits of hex, by which a random key cannot be guessed. */
export function keyFingerprint(psk: string): string {
  return hmac(Buffer.from(psk, "utf8"), "motekey/fingerprint").toString("hex", 0, 8);
}

/** A key of 32 bytes for one purpose, HKDF-SHA-256 (RFC 5869) of the PSK's UTF-8 bytes, without salt. */
export function deriveKey(psk: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", Buffer.from(psk, "utf8"), new Uint8Array(0), purpose, 32));
}
