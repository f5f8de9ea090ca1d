/** motekey's records (firmware/RECORD.md), as people may see them: never a key, never a token. */
import { createHash, createHmac } from "node:crypto";
import { crc32 } from "node:zlib";
import { isSealedRecord } from "./sealed-record.js";

const PAYLOAD_AT = 10;
const CHECK_BYTES = 4;
const OWNER_BYTES = 4;
/** Before a next key stands whose it is, and two heirlooms. */
const HEIRLOOMS_END = 12;

/** Kinds by their numbers. */
const KINDS: Readonly<Record<number, string>> = {
  1: "counter",
  2: "credential",
  3: "vacant",
  4: "host",
  5: "revocation",
  6: "token",
  7: "next key",
};

/** What the key of a sealed record is worth. */
const STRENGTH_AT = 11;
const STRENGTHS: Readonly<Record<number, string>> = { 1: "obfuscated", 2: "sealed" };

/** What a record is, and what may be shown of it. */
export interface ToldRecord {
  readonly kind: string;
  readonly generation: number;
  /** `sealed`, `obfuscated`, or `unsealed`. */
  readonly sealing: string;
  /** For a line of text. */
  readonly detail: string;
}

/** A value as a record of motekey's; null: it is none, or a damaged one. */
export function recordIn(data: Uint8Array): ToldRecord | null {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  if (bytes.length < PAYLOAD_AT + CHECK_BYTES || bytes.toString("latin1", 0, 2) !== "mk") return null;
  const end = PAYLOAD_AT + bytes.readUInt16BE(8);
  const kind = KINDS[bytes[3] as number];
  if (kind === undefined || end + CHECK_BYTES !== bytes.length) return null;
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) return null;
  return {
    kind,
    generation: bytes.readUInt32BE(4),
    sealing: isSealedRecord(bytes) ? (STRENGTHS[bytes[STRENGTH_AT] ?? 0] ?? "sealed") : "unsealed",
    detail: isSealedRecord(bytes) ? "" : detailOf(kind, bytes, bytes.subarray(PAYLOAD_AT, end)),
  };
}

/**
 * What a key is known by: the first 8 bytes of HMAC-SHA-256(PSK, "motekey/fingerprint"), in hex. The cloud shows the
 * same. A key of 32 random bytes cannot be guessed by it; a short password could.
 */
export function keyFingerprint(psk: string | Uint8Array): string {
  return createHmac("sha256", psk).update("motekey/fingerprint").digest("hex").slice(0, 16);
}

/** What any other value is known by: the first 4 bytes of its SHA-256, in hex. */
export function fingerprint(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex").slice(0, 8);
}

function detailOf(kind: string, record: Buffer, payload: Buffer): string {
  if (kind === "counter" && payload.length === 8) return `up to ${payload.readBigUInt64BE()}`;
  if (kind === "credential" && payload.length > 3) {
    const [id = Buffer.alloc(0), psk = Buffer.alloc(0)] = textsIn(payload.subarray(2));
    return `${id.toString()}, ${psk.length === 0 ? "no key" : `key ${keyFingerprint(psk)}`}`;
  }
  if (kind === "next key")
    return payload.length > HEIRLOOMS_END ? `key ${keyFingerprint(payload.subarray(HEIRLOOMS_END))}` : "none";
  // The release before wrote no owner.
  const owner = record[2] === 1 ? 0 : OWNER_BYTES;
  if (kind === "host" || kind === "revocation") return payload.toString("latin1", owner);
  if (kind !== "token") return "";
  const at = owner + 8;
  return payload.toString("latin1", at + 1, at + 1 + (payload[at] ?? 0));
}

/** Texts, each behind a byte of its length. */
function textsIn(bytes: Buffer): Buffer[] {
  const texts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 1 + (bytes[at] as number))
    texts.push(bytes.subarray(at + 1, at + 1 + (bytes[at] as number)));
  return texts;
}
