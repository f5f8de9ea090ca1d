import { sameSecret } from "../crypto/compare.js";
import { HmacKey, hmacBegin, hmacEnd } from "../crypto/hmac.js";
import { DIGEST_BYTES, Sha256 } from "../crypto/sha256.js";
import type { Entropy } from "../ports.js";
import { Status } from "../status.js";
import { crc32 } from "../store/crc32.js";
import { PAYLOAD_AT, RECORD_BYTES_MIN, RecordKind, readUint32, writeUint32 } from "../store/record.js";
import { bytesOf, copyBytes } from "../wire/bytes.js";
import { type SealKey, Strength } from "./key.js";
import type { Suite } from "./suite.js";

/** Added to the version of what is sealed. */
const SEALED_VERSION = 0x80;
const VERSION_AT = 2;
const KIND_AT = 3;
const LENGTH_AT = 8;
const SUITE_AT = PAYLOAD_AT;
const STRENGTH_AT = PAYLOAD_AT + 1;
const PLACE_AT = PAYLOAD_AT + 2;
const KEY_AT = PAYLOAD_AT + 6;
const KEY_ID_BYTES = 4;
const NONCE_AT = PAYLOAD_AT + 10;
const NONCE_BYTES = 24;
/** Where what was encrypted begins. */
const BOX_AT = NONCE_AT + NONCE_BYTES;
const CHECK_BYTES = 4;
const RANDOM_BYTES = 16;

const PURPOSE = bytesOf("motekey/seal box");
const KEY_PURPOSE = bytesOf("motekey/seal id");
const NONCE_PURPOSE = bytesOf("motekey/seal nonce");
const NOTHING = new Uint8Array(0);

/** Whether `bytes[0..length)` is a whole record by its magic, length and check, whatever its kind and version. */
export const isWhole = (bytes: Uint8Array, length: number): boolean => {
  const checkAt = length - CHECK_BYTES;
  return (
    length >= RECORD_BYTES_MIN &&
    length <= bytes.length &&
    bytes[0] === 0x6d &&
    bytes[1] === 0x6b &&
    PAYLOAD_AT + bytes[LENGTH_AT] * 256 + bytes[LENGTH_AT + 1] === checkAt &&
    crc32(bytes, checkAt) === readUint32(bytes, checkAt)
  );
};

/** Whether a value begins as a sealed record does. */
export const isSealed = (bytes: Uint8Array, length: number): boolean =>
  length >= RECORD_BYTES_MIN && bytes[0] === 0x6d && bytes[1] === 0x6b && bytes[VERSION_AT] > SEALED_VERSION;

/** Whether a record may hold a secret: every kind but those known to hold none. */
export const isSecret = (record: Uint8Array): boolean => {
  const kind = record[KIND_AT];
  return (
    kind !== RecordKind.COUNTER &&
    kind !== RecordKind.VACANT &&
    kind !== RecordKind.HOST &&
    kind !== RecordKind.REVOCATION
  );
};

const setLength = (record: Uint8Array, payloadBytes: number): void => {
  record[LENGTH_AT] = payloadBytes >> 8;
  record[LENGTH_AT + 1] = payloadBytes & 0xff;
};

/** Ends a record, whose payload lies there, with its length and check. @returns the record's length */
export const finish = (record: Uint8Array, payloadBytes: number): number => {
  const checkAt = PAYLOAD_AT + payloadBytes;
  setLength(record, payloadBytes);
  writeUint32(record, checkAt, crc32(record, checkAt));
  return checkAt + CHECK_BYTES;
};

/** Seals records and opens them, byte for byte as in RECORD.md. */
export class Envelope {
  readonly strength: Strength;
  /** Why the latest record was not opened: SEAL_BROKEN, SEAL_MISPLACED, SEAL_FOREIGN. */
  refused: Status;
  private readonly suite: Suite;
  private readonly entropy: Entropy;
  private readonly hash: Sha256;
  private readonly root: HmacKey;
  private readonly nonceKey: HmacKey;
  private readonly keyId: Uint8Array;
  private readonly random: Uint8Array;

  /** @throws Error that says what is wrong with the key */
  constructor(key: SealKey, suite: Suite, entropy: Entropy) {
    if (!(key.secret instanceof Uint8Array) || key.secret.length !== DIGEST_BYTES)
      throw new Error("motekey: the seal's key must have a secret of 32 bytes");
    if (key.strength !== Strength.OBFUSCATED && key.strength !== Strength.SEALED)
      throw new Error("motekey: the seal's key must have the strength OBFUSCATED or SEALED");
    const out = new Uint8Array(DIGEST_BYTES);
    this.strength = key.strength;
    this.refused = Status.OK;
    this.suite = suite;
    this.entropy = entropy;
    this.hash = new Sha256();
    this.root = new HmacKey();
    this.nonceKey = new HmacKey();
    this.keyId = new Uint8Array(KEY_ID_BYTES);
    this.random = new Uint8Array(RANDOM_BYTES);
    // HKDF's first step (RFC 5869), without a salt.
    this.root.set(this.hash, out, DIGEST_BYTES);
    hmacBegin(this.hash, this.root);
    this.hash.update(key.secret, 0, DIGEST_BYTES);
    hmacEnd(this.hash, this.root, out, 0);
    this.root.set(this.hash, out, DIGEST_BYTES);
    this.derive(KEY_PURPOSE, NOTHING, 0, NOTHING, out);
    copyBytes(this.keyId, 0, out, 0, KEY_ID_BYTES);
    this.derive(NONCE_PURPOSE, NOTHING, 0, NOTHING, out);
    this.nonceKey.set(this.hash, out, DIGEST_BYTES);
    out.fill(0);
  }

  /**
   * @param name under which it is to lie
   * @param record whole, of `length` bytes
   * @allocates the sealed record, and what the suite does
   */
  seal(name: string, record: Uint8Array, length: number): Uint8Array {
    const payloadBytes = length - RECORD_BYTES_MIN;
    const plain = new Uint8Array(payloadBytes);
    const place = bytesOf(name);
    const boxBytes = payloadBytes + this.suite.tagBytes;
    const sealed = new Uint8Array(BOX_AT + boxBytes + CHECK_BYTES);
    copyBytes(plain, 0, record, PAYLOAD_AT, PAYLOAD_AT + payloadBytes);
    copyBytes(sealed, 0, record, 0, LENGTH_AT);
    sealed[VERSION_AT] = SEALED_VERSION + record[VERSION_AT];
    sealed[SUITE_AT] = this.suite.number;
    sealed[STRENGTH_AT] = this.strength;
    writeUint32(sealed, PLACE_AT, crc32(place, place.length));
    copyBytes(sealed, KEY_AT, this.keyId, 0, KEY_ID_BYTES);
    setLength(sealed, BOX_AT + boxBytes - PAYLOAD_AT);
    this.writeNonce(sealed, place, plain);
    const key = new Uint8Array(DIGEST_BYTES);
    this.derive(PURPOSE, sealed, BOX_AT, place, key);
    const box = this.suite.seal(key, this.nonceOf(sealed), plain);
    copyBytes(sealed, BOX_AT, box, 0, boxBytes);
    finish(sealed, BOX_AT + boxBytes - PAYLOAD_AT);
    key.fill(0);
    plain.fill(0);
    return sealed;
  }

  /**
   * @param name under which it lies
   * @param sealed a whole record, of `length` bytes
   * @returns the record as it was before, null: {@link refused} says why it is none
   * @allocates the record, and what the suite does
   */
  open(name: string, sealed: Uint8Array, length: number): Uint8Array | null {
    const place = bytesOf(name);
    const boxBytes = length - CHECK_BYTES - BOX_AT;
    const payloadBytes = boxBytes - this.suite.tagBytes;
    this.refused = this.verdict(sealed, place, payloadBytes);
    if (this.refused !== Status.OK) return null;
    const key = new Uint8Array(DIGEST_BYTES);
    const box = new Uint8Array(boxBytes);
    copyBytes(box, 0, sealed, BOX_AT, BOX_AT + boxBytes);
    this.derive(PURPOSE, sealed, BOX_AT, place, key);
    const plain = this.suite.open(key, this.nonceOf(sealed), box);
    key.fill(0);
    if (plain === null) {
      this.refused = Status.SEAL_BROKEN;
      return null;
    }
    const record = new Uint8Array(RECORD_BYTES_MIN + payloadBytes);
    copyBytes(record, 0, sealed, 0, LENGTH_AT);
    record[VERSION_AT] = sealed[VERSION_AT] - SEALED_VERSION;
    copyBytes(record, PAYLOAD_AT, plain, 0, payloadBytes);
    finish(record, payloadBytes);
    plain.fill(0);
    return record;
  }

  /** What is known before anything is decrypted. */
  private verdict(sealed: Uint8Array, place: Uint8Array, payloadBytes: number): Status {
    if (payloadBytes < 0) return Status.SEAL_BROKEN;
    if (!sameSecret(sealed, KEY_AT, this.keyId, 0, KEY_ID_BYTES)) return Status.SEAL_FOREIGN;
    if (readUint32(sealed, PLACE_AT) !== crc32(place, place.length)) return Status.SEAL_MISPLACED;
    const isOurs = sealed[SUITE_AT] === this.suite.number && sealed[STRENGTH_AT] === this.strength;
    return isOurs ? Status.OK : Status.SEAL_BROKEN;
  }

  /**
   * The nonce is a digest of random bytes and of what is sealed: where random numbers repeat, as on engines that seed them
   * alike at each boot, only the same payload has the same nonce.
   */
  private writeNonce(sealed: Uint8Array, place: Uint8Array, plain: Uint8Array): void {
    const hash = this.hash;
    const digest = this.nonceKey.digest;
    this.entropy.fill(this.random, 0, RANDOM_BYTES);
    hmacBegin(hash, this.nonceKey);
    hash.update(this.random, 0, RANDOM_BYTES);
    hash.update(sealed, 0, NONCE_AT);
    hash.update(place, 0, place.length);
    hash.update(plain, 0, plain.length);
    hmacEnd(hash, this.nonceKey, digest, 0);
    copyBytes(sealed, NONCE_AT, digest, 0, NONCE_BYTES);
    hash.wipe();
  }

  /** @allocates */
  private nonceOf(sealed: Uint8Array): Uint8Array {
    return new Uint8Array(sealed.buffer, sealed.byteOffset + NONCE_AT, NONCE_BYTES);
  }

  /** HKDF's second step: the key for `purpose ‖ bytes[0..to) ‖ more`. */
  private derive(
    purpose: Uint8Array,
    bytes: Uint8Array,
    to: number,
    more: Uint8Array,
    out: Uint8Array,
  ): void {
    const hash = this.hash;
    hmacBegin(hash, this.root);
    hash.update(purpose, 0, purpose.length);
    hash.update(bytes, 0, to);
    hash.update(more, 0, more.length);
    hash.push(1);
    hmacEnd(hash, this.root, out, 0);
    hash.wipe();
  }
}
