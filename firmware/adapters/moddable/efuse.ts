/** A key for `SealedStore` that the chip alone has: ESP32-S2, -S3, -C3, -C5, -C6, -H2, -P4 (`manifest_efuse.json`). */
import { SEAL_PURPOSE, type SealKey, Strength } from "../../seal/key.js";

const DIGEST_BYTES = 32;

/** The chip's HMAC-SHA-256 of a message (`firmware/native/motekey-efuse.c`); false: the chip has no such key. */
const efuseHmac: (block: number, message: Uint8Array, digest: Uint8Array) => boolean =
  native("xs_motekey_efuseHmac");

/**
 * The key that the chip derives from the one in its eFuses, RECORD.md. It is in neither flash nor firmware; any app on
 * the chip can ask for it, as this does.
 * @construction
 * @param block 0 to 5: in which KEYn the 32 bytes were burned, with the purpose HMAC_UP, and protected from being read
 * @throws Error where the chip has no such key there
 */
export const efuseKey = (block: number): SealKey => {
  const secret = new Uint8Array(DIGEST_BYTES);
  if (!efuseHmac(block, SEAL_PURPOSE, secret))
    throw new Error(
      `motekey: the chip's eFuse block KEY${block} has no key for HMAC_UP: burn one with espefuse, burn_key`,
    );
  return { strength: Strength.SEALED, secret };
};
