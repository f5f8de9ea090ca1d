/** Sealed records by RECORD.md, on node:crypto and another implementation of secretbox: no code of the firmware's. */
import { createCipheriv, createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";

/** 1: XSalsa20 with Poly1305; 2: AES-256-CTR with HMAC-SHA-256. */
export type SuiteNumber = 1 | 2;

const TAG_BYTES: Record<SuiteNumber, number> = { 1: 16, 2: 32 };
const BOX_AT = 44;

const hmac = (key: Uint8Array, ...parts: (string | Uint8Array)[]): Buffer => {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
};

/** The secret of a key: of a chip's eFuse, or of a build's secret with a MAC address. */
export const secretOf = (key: Uint8Array, macAddress: Uint8Array = Buffer.alloc(0)): Buffer =>
  hmac(key, "motekey/seal", macAddress);

/** A CRC-32 as records have it. */
const check = (bytes: Uint8Array): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(crc32(bytes));
  return out;
};

/** The same record with its check mended, for who changed it. */
export const mended = (record: Uint8Array): Buffer =>
  Buffer.concat([record.subarray(0, -4), check(record.subarray(0, -4))]);

/** A record of a kind that is not sealed. */
export function plainRecord(kind: number, version: number, generation: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(10);
  head.write("mk", "latin1");
  head.writeUInt8(version, 2);
  head.writeUInt8(kind, 3);
  head.writeUInt32BE(generation, 4);
  head.writeUInt16BE(payload.length, 8);
  const body = Buffer.concat([head, payload]);
  return Buffer.concat([body, check(body)]);
}

/** Seals and opens with one device's secret. */
export class SealOracle {
  constructor(
    private readonly secret: Uint8Array,
    private readonly suite: SuiteNumber,
    /** 1: obfuscated, 2: sealed. */
    private readonly strength: number,
  ) {}

  /** @param random 16 bytes */
  seal(name: string, record: Buffer, random: Uint8Array): Buffer {
    const payload = record.subarray(10, -4);
    const head = Buffer.alloc(BOX_AT);
    record.copy(head, 0, 0, 8);
    head[2] += 0x80;
    head.writeUInt16BE(BOX_AT - 10 + payload.length + TAG_BYTES[this.suite], 8);
    head[10] = this.suite;
    head[11] = this.strength;
    head.writeUInt32BE(crc32(Buffer.from(name)), 12);
    this.hkdf("motekey/seal id").copy(head, 16, 0, 4);
    const nonceKey = this.hkdf("motekey/seal nonce");
    hmac(nonceKey, random, head.subarray(0, 20), name, payload).copy(head, 20, 0, 24);
    const sealed = Buffer.concat([head, this.box(this.keyOf(name, head), head.subarray(20), payload)]);
    return Buffer.concat([sealed, check(sealed)]);
  }

  /** The record that was sealed; throws where it was not by this device for this place. */
  open(name: string, sealed: Buffer): Buffer {
    const head = sealed.subarray(0, BOX_AT);
    const box = sealed.subarray(BOX_AT, -4);
    if (!check(sealed.subarray(0, -4)).equals(sealed.subarray(-4))) throw new Error("the check is wrong");
    const payload = this.unbox(this.keyOf(name, head), head.subarray(20), box);
    return plainRecord(head[3] ?? 0, (head[2] ?? 0) - 0x80, head.readUInt32BE(4), payload);
  }

  private keyOf(name: string, head: Buffer): Buffer {
    return this.hkdf(Buffer.concat([Buffer.from("motekey/seal box"), head, Buffer.from(name)]));
  }

  private hkdf(info: string | Uint8Array): Buffer {
    return Buffer.from(hkdfSync("sha256", this.secret, new Uint8Array(0), info, 32));
  }

  private box(key: Buffer, nonce: Buffer, payload: Buffer): Uint8Array {
    if (this.suite === 1) return xsalsa20poly1305(key, nonce).encrypt(payload);
    const text = this.combined(key, payload);
    return Buffer.concat([text, hmac(hmac(key, "mac"), text)]);
  }

  private unbox(key: Buffer, nonce: Buffer, box: Buffer): Uint8Array {
    if (this.suite === 1) return xsalsa20poly1305(key, nonce).decrypt(box);
    const text = box.subarray(0, -32);
    if (!timingSafeEqual(hmac(hmac(key, "mac"), text), box.subarray(-32)))
      throw new Error("the MAC is wrong");
    return this.combined(key, text);
  }

  private combined(key: Buffer, bytes: Buffer): Buffer {
    return createCipheriv("aes-256-ctr", hmac(key, "aes"), Buffer.alloc(16)).update(bytes);
  }
}
