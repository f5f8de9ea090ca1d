/** The keys of an encrypted partition. */
import { usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { NvsKeys } from "../nvs/keys.js";
import { secretBytes } from "./files.js";
import type { KeyFlags } from "./key-flags.js";

/** The keys that the flags name; null: the partition is not encrypted. */
export async function keysOf(
  system: System,
  { keysFile: keys, hmacKeyFile: hmacKey }: KeyFlags,
): Promise<NvsKeys | null> {
  if (keys !== undefined && hmacKey !== undefined)
    throw usage(
      "--keys-file and --hmac-key-file are two ways of encryption.",
      "Give the one that the device was built with.",
    );
  if (keys !== undefined) return NvsKeys.ofPartition(await secretBytes(system, "--keys-file", keys));
  if (hmacKey === undefined) return null;
  const key = await secretBytes(system, "--hmac-key-file", hmacKey);
  try {
    return NvsKeys.ofHmacKey(key);
  } finally {
    key.fill(0);
  }
}
