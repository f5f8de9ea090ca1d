import { createHash, createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";

/** SHA-256 as Node computes it. */
export function sha256(...parts: (Uint8Array | string)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** HMAC-SHA-256 as Node computes it. */
export function hmac(key: Uint8Array, ...parts: (Uint8Array | string)[]): Buffer {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** HKDF-SHA-256 with an empty salt and 32 bytes of output as Node computes it. */
export function hkdf(ikm: Uint8Array, info: Uint8Array | string): Buffer {
  return Buffer.from(hkdfSync("sha256", ikm, Buffer.alloc(0), info, 32));
}

/** The UTF-8 bytes of a text, in an array of their own. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The bytes of a hex text. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** The text of `bytes[from..to)`, one character a byte. */
export function latin1(bytes: Uint8Array, from = 0, to = bytes.length): string {
  return Buffer.from(bytes.subarray(from, to)).toString("latin1");
}

/** Bytes of every length up to `maxLength`, with the places where a stream of them is cut. */
export function splitBytes(maxLength = 200): fc.Arbitrary<{ bytes: Uint8Array; cuts: number[] }> {
  return fc.uint8Array({ maxLength }).chain((bytes) =>
    fc.record({
      bytes: fc.constant(bytes),
      cuts: fc
        .array(fc.nat(bytes.length), { maxLength: 6 })
        .map((cuts) => [0, ...cuts.sort((a, b) => a - b), bytes.length]),
    }),
  );
}

/** Calls `feed` with each piece between the cuts, in order. */
export function feedPieces(cuts: number[], feed: (from: number, to: number) => void): void {
  for (let i = 1; i < cuts.length; i++) feed(cuts[i - 1], cuts[i]);
}

/** Every typed array that an object holds, at any depth. */
export function typedArraysOf(owner: object, found: ArrayBufferView[] = []): ArrayBufferView[] {
  for (const value of Object.values(owner)) {
    if (ArrayBuffer.isView(value)) found.push(value);
    else if (typeof value === "object" && value !== null) typedArraysOf(value, found);
  }
  return found;
}

/** Whether all typed arrays that an object holds are zero. */
export function isAllZero(owner: object): boolean {
  return typedArraysOf(owner).every((view) =>
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).every((byte) => byte === 0),
  );
}
