/** What a chip's eFuses say of secure boot and flash encryption. */
import type { ESPLoader } from "esptool-js";
import { Failure } from "../cli/failure.js";

/** What keeps others from its flash. */
export interface Security {
  readonly hasSecureBoot: boolean;
  readonly hasFlashEncryption: boolean;
  /** Only writing is left of the boot loader's commands. */
  readonly isDownloadRestricted: boolean;
}

/** eFuse words of the ESP32 (Technical Reference Manual, eFuse controller): FLASH_CRYPT_CNT, ABS_DONE_0 and 1. */
const ESP32_CRYPT_WORD = 0;
const ESP32_CRYPT_SHIFT = 20;
const ESP32_CRYPT_BITS = 0x7f;
const ESP32_BOOT_WORD = 6;
const ESP32_BOOT_BITS = 0x30;

/** Flash is encrypted where an odd number of the counter's bits is set. */
const isOdd = (bits: number): boolean => {
  let odd = false;
  for (let left = bits; left !== 0; left &= left - 1) odd = !odd;
  return odd;
};

/** Reads it: of the ESP32 from its eFuses, of all later chips by the command for it. */
export async function securityOf(loader: ESPLoader): Promise<Security> {
  if (loader.chip.CHIP_NAME === "ESP32") {
    const base = (loader.chip as unknown as { EFUSE_RD_REG_BASE: number }).EFUSE_RD_REG_BASE;
    const word = (number: number): Promise<number> => loader.readReg(base + 4 * number);
    const crypt = ((await word(ESP32_CRYPT_WORD)) >>> ESP32_CRYPT_SHIFT) & ESP32_CRYPT_BITS;
    const boot = (await word(ESP32_BOOT_WORD)) & ESP32_BOOT_BITS;
    return { hasSecureBoot: boot !== 0, hasFlashEncryption: isOdd(crypt), isDownloadRestricted: false };
  }
  const { parsedFlags, flashCryptCnt } = await loader.getSecurityInfo();
  return {
    hasSecureBoot: parsedFlags.SECURE_BOOT_EN,
    hasFlashEncryption: isOdd(flashCryptCnt ?? 0),
    isDownloadRestricted: parsedFlags.SECURE_DOWNLOAD_ENABLE,
  };
}

/** @throws Failure where a credential cannot be written and compared from here, with why */
export function refuseLocked(name: string, security: Security): void {
  const { isDownloadRestricted, hasFlashEncryption, hasSecureBoot } = security;
  if (isDownloadRestricted)
    throw unfit(
      `The ${name} is in secure download mode: its flash cannot be read, so nothing could be merged or compared.`,
      "Provision before that eFuse is burnt, or over the air.",
    );
  if (hasFlashEncryption)
    throw unfit(
      `Flash encryption of the ${name} is on: what is read from it is encrypted by the chip, its NVS keys too.`,
      "Provision before the first start encrypts its flash, with 'device image --keys-file' and the keys partition, or over the air.",
    );
  if (hasSecureBoot)
    throw unfit(
      `Secure boot of the ${name} is on: its flash holds what was signed, and is not written to from here.`,
      "Provision before secure boot is enabled, or over the air.",
    );
}

/** A chip that cannot be used for what was asked. */
export const unfit = (message: string, next: string): Failure => new Failure("device_unfit", message, next);
