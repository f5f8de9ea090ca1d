/**
 * The keys of an encrypted partition, and its cipher: AES-256 in XTS mode (IEEE 1619), each entry of 32 bytes a data
 * unit whose number is the entry's offset in the partition. Headers, tables and empty entries stay plain.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { Failure, usage } from "../cli/failure.js";
import { crc32, ENTRY_BYTES, PAGE_BYTES } from "./format.js";

const KEY_BYTES = 32;
const BLOCK_BYTES = 16;

/** Both keys of XTS: one for the data, one for the numbers of the data units. */
export class NvsKeys {
  /** @param bytes 64: the data's key, then the tweak's; copied */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== 2 * KEY_BYTES)
      throw usage("The keys are not 64 bytes.", "AES-256-XTS has two of 32.");
    this.bytes = Buffer.from(bytes);
    // IEEE 1619, and OpenSSL with it: with one key for both, the cipher can be attacked.
    if (this.bytes.subarray(0, KEY_BYTES).equals(this.bytes.subarray(KEY_BYTES)))
      throw usage(
        "Both halves of the keys are the same.",
        "Make two: 'espsecure.py generate_flash_encryption_key'.",
      );
  }

  private readonly bytes: Buffer;

  /**
   * The keys of a keys partition: 64 bytes, their CRC, and FF up to a page.
   * @throws Failure where the CRC does not fit
   */
  static ofPartition(partition: Uint8Array): NvsKeys {
    const stored = Buffer.from(partition.buffer, partition.byteOffset, partition.length);
    const end = 2 * KEY_BYTES;
    if (stored.length >= end + 4 && stored.readUInt32LE(end) === crc32(stored, 0, end))
      return new NvsKeys(stored.subarray(0, end));
    throw new Failure(
      "partition_damaged",
      "This is no partition of NVS keys: the CRC of the keys does not fit.",
      "Where it was read from a chip with flash encryption, it is encrypted by the chip: use the file it was written from.",
    );
  }

  /** The keys that a chip derives from an HMAC key in its eFuses. @param hmacKey 32 bytes */
  static ofHmacKey(hmacKey: Uint8Array): NvsKeys {
    if (hmacKey.length !== KEY_BYTES)
      throw usage("The HMAC key is not 32 bytes.", "It is what the eFuse holds.");
    const derived = ["5a5abeae", "a5a5dece"].map((seed) =>
      createHmac("sha256", hmacKey)
        .update(Buffer.from(seed.repeat(8), "hex"))
        .digest(),
    );
    const keys = new NvsKeys(Buffer.concat(derived));
    for (const key of derived) key.fill(0);
    return keys;
  }

  /** Whether both are the same keys. */
  equals(other: NvsKeys): boolean {
    return timingSafeEqual(this.bytes, other.bytes);
  }

  /** The keys partition that holds these keys. */
  toPartition(): Buffer {
    const partition = Buffer.alloc(PAGE_BYTES, 0xff);
    partition.set(this.bytes);
    partition.writeUInt32LE(crc32(this.bytes), this.bytes.length);
    return partition;
  }

  /** Encrypts entries where they lie. @param offsets where each begins in the partition */
  encrypt(partition: Uint8Array, offsets: readonly number[]): void {
    this.cipher(partition, offsets, createCipheriv);
  }

  /** Decrypts entries where they lie. @param offsets where each begins in the partition */
  decrypt(partition: Uint8Array, offsets: readonly number[]): void {
    this.cipher(partition, offsets, createDecipheriv);
  }

  /** Overwrites the keys; afterwards they cannot be used. */
  wipe(): void {
    this.bytes.fill(0);
  }

  /**
   * All entries in two calls of AES: one object of node:crypto for each takes twenty times as long. What a block is
   * XORed with before and after is E(number), and for the second block of a unit its double in GF(2^128).
   */
  private cipher(
    partition: Uint8Array,
    offsets: readonly number[],
    make: typeof createCipheriv | typeof createDecipheriv,
  ): void {
    const masks = this.masks(offsets);
    const data = Buffer.allocUnsafe(masks.length);
    for (const [unit, offset] of offsets.entries())
      data.set(partition.subarray(offset, offset + ENTRY_BYTES), unit * ENTRY_BYTES);
    xor(data, masks);
    const aes = make("aes-256-ecb", this.bytes.subarray(0, KEY_BYTES), null).setAutoPadding(false);
    const done = aes.update(data);
    xor(done, masks);
    for (const [unit, offset] of offsets.entries())
      partition.set(done.subarray(unit * ENTRY_BYTES, (unit + 1) * ENTRY_BYTES), offset);
    data.fill(0);
    done.fill(0);
  }

  private masks(offsets: readonly number[]): Buffer {
    const numbers = Buffer.alloc(offsets.length * BLOCK_BYTES);
    for (const [unit, offset] of offsets.entries()) numbers.writeUInt32LE(offset, unit * BLOCK_BYTES);
    const aes = createCipheriv("aes-256-ecb", this.bytes.subarray(KEY_BYTES), null).setAutoPadding(false);
    const first = aes.update(numbers);
    const masks = Buffer.allocUnsafe(offsets.length * ENTRY_BYTES);
    for (let unit = 0; unit < offsets.length; unit++) {
      const at = unit * ENTRY_BYTES;
      first.copy(masks, at, unit * BLOCK_BYTES, (unit + 1) * BLOCK_BYTES);
      double(masks, at, at + BLOCK_BYTES);
    }
    return masks;
  }
}

function xor(bytes: Buffer, mask: Buffer): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ (mask[i] as number);
}

/** The double of a block in GF(2^128) of XTS: low byte first, polynomial x^128 + x^7 + x^2 + x + 1. */
function double(bytes: Buffer, from: number, to: number): void {
  let carry = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const byte = bytes[from + i] as number;
    bytes[to + i] = ((byte << 1) | carry) & 0xff;
    carry = byte >> 7;
  }
  if (carry === 1) bytes[to] = (bytes[to] as number) ^ 0x87;
}
