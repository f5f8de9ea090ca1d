/** What every format of image is made of, and what comes of it. */
import type { Difference } from "../../nvs/diff.js";
import type { CertificateFlags } from "../certificate.js";
import type { PskFlags } from "../group-key.js";
import type { KeyFlags } from "../key-flags.js";
import type { SealFlags } from "../seal-flags.js";
import type { SettingFlags } from "../settings.js";

/** The flags of `motekey device image`. */
export interface ImageFlags extends KeyFlags, PskFlags, SealFlags, SettingFlags, CertificateFlags {
  readonly format: "nvs" | "espruino" | "esp-secure-cert";
  readonly id: string;
  readonly psk?: string;
  readonly counter: string;
  readonly size?: string;
  readonly merge?: string;
  readonly out: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** What was made, as it is reported. */
export interface MadeImage {
  readonly bytes: Buffer;
  readonly counter: number | null;
  readonly isEncrypted: boolean;
  /** `sealed` or `obfuscated`; `unsealed`; null where the format has no records. */
  readonly sealing: string | null;
  readonly used: number;
  readonly usable: number;
  /** What `used` counts. */
  readonly unit: "entries" | "bytes";
  readonly isReplaced: boolean;
  readonly changes: readonly Difference[];
}
