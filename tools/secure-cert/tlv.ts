/**
 * Espressif's esp_secure_cert partition: records of type, length and value, low byte first, each a multiple of 16 bytes
 * less 12 and more 4: a header of 12 bytes (magic, flags, three zeros, type, subtype, u16 length), the value, zeros up
 * to a multiple of 16 of the value, and the CRC of all before, counted as in NVS.
 */
import { usage } from "../cli/failure.js";
import { crc32 } from "../nvs/format.js";
import { unfit } from "../nvs/writer.js";

/** The partition's size, type 0x3F, at 0xD000. */
export const SECURE_CERT_BYTES = 0x2000;

const MAGIC = 0xba5eba11;
const HEADER_BYTES = 12;
const BLOCK_BYTES = 16;
const CRC_BYTES = 4;

/** What a record is. */
export const TlvType = { CA_CERT: 0, DEVICE_CERT: 1, PRIVATE_KEY: 2 } as const;

/** A record. */
export interface Tlv {
  readonly type: number;
  /** Which of several of its type; 0 where it is left out. */
  readonly subtype?: number;
  readonly value: Uint8Array;
}

/** The partition with these records. @throws Failure where they do not fit */
export function secureCertOf(records: readonly Tlv[], size = SECURE_CERT_BYTES): Buffer {
  const bytes = Buffer.alloc(size, 0xff);
  let at = 0;
  for (const { type, subtype = 0, value } of records) {
    const padded = Math.ceil(value.length / BLOCK_BYTES) * BLOCK_BYTES;
    const end = at + HEADER_BYTES + padded + CRC_BYTES;
    if (end > size || value.length > 0xffff)
      throw unfit(`The records do not fit into ${size} bytes.`, "Store shorter certificates, in DER.");
    bytes.fill(0, at, end);
    bytes.writeUInt32LE(MAGIC, at);
    bytes[at + 8] = type;
    bytes[at + 9] = subtype;
    bytes.writeUInt16LE(value.length, at + 10);
    bytes.set(value, at + HEADER_BYTES);
    bytes.writeUInt32LE(crc32(bytes, at, end - CRC_BYTES), end - CRC_BYTES);
    at = end;
  }
  return bytes;
}

/** The records of a partition, up to the first that is none. @throws Failure where a CRC does not fit */
export function secureCertIn(stored: Uint8Array): Tlv[] {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  const records: Tlv[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length && bytes.readUInt32LE(at) === MAGIC; ) {
    const length = bytes.readUInt16LE(at + 10);
    const end = at + HEADER_BYTES + Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES + CRC_BYTES;
    if (end > bytes.length || bytes.readUInt32LE(end - CRC_BYTES) !== crc32(bytes, at, end - CRC_BYTES))
      throw usage(`The record at 0x${at.toString(16)} is damaged.`, "Make the partition anew.");
    records.push({
      type: bytes[at + 8] as number,
      subtype: bytes[at + 9] as number,
      value: bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length),
    });
    at = end;
  }
  return records;
}

/** A value as it is stored: PEM, which the chip's mbedtls wants with the NUL that ends it, or DER. */
export function certValue(bytes: Uint8Array): Buffer {
  const isPem = Buffer.from(bytes).includes("-----BEGIN ");
  return isPem ? Buffer.concat([bytes, Buffer.alloc(1)]) : Buffer.from(bytes);
}
