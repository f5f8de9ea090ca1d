import { HmacKey, hmacBegin, hmacEnd } from "../crypto/hmac.js";
import { DIGEST_BYTES, Sha256 } from "../crypto/sha256.js";
import { bytesOf, type Text } from "../wire/bytes.js";

/** How well a key protects from a reader of the flash. Flash holds the numbers: they never change. */
export enum Strength {
  /** Anybody with the flash and the firmware can derive it. */
  OBFUSCATED = 1,
  /** Only the chip has it: neither flash nor firmware reveals it. */
  SEALED = 2,
}

/** What records are sealed with. */
export interface SealKey {
  readonly strength: Strength;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** What a chip's HMAC, or a build's, is made of: a key that serves other purposes too gives away nothing of this one. */
export const SEAL_PURPOSE = bytesOf("motekey/seal");
const SECRET_BYTES_MIN = 16;
const MAC_ADDRESS_BYTES = 6;

/**
 * A key from a secret in the firmware and the device's MAC address. Both can be found out: a record sealed with
 * it is `obfuscated`, and cannot be read from a copy of the flash alone.
 * @construction
 * @param buildSecret at least 16 random bytes, the same in all devices of a build; a string stands for its UTF-8
 * @param macAddress 6 bytes
 * @throws Error that names what is wrong
 */
export const obfuscated = (buildSecret: Text, macAddress: Uint8Array): SealKey => {
  const secret = typeof buildSecret === "string" ? bytesOf(buildSecret) : buildSecret;
  if (secret.length < SECRET_BYTES_MIN)
    throw new Error("motekey: the build's secret must have 16 bytes or more, which are random");
  if (macAddress.length !== MAC_ADDRESS_BYTES) throw new Error("motekey: a MAC address has 6 bytes");
  const hash = new Sha256();
  const key = new HmacKey();
  const out = new Uint8Array(DIGEST_BYTES);
  key.set(hash, secret, secret.length);
  hmacBegin(hash, key);
  hash.update(SEAL_PURPOSE, 0, SEAL_PURPOSE.length);
  hash.update(macAddress, 0, MAC_ADDRESS_BYTES);
  hmacEnd(hash, key, out, 0);
  key.wipe();
  hash.wipe();
  return { strength: Strength.OBFUSCATED, secret: out };
};
