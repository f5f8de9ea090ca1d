/** The flags that say how a partition is encrypted. */
import type { Command } from "commander";
import { usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { NvsKeys } from "../nvs/keys.js";
import { secretBytes } from "./files.js";

/** At most one of them. */
export interface KeyFlags {
  readonly keysFile?: string;
  readonly hmacKeyFile?: string;
}

/** Adds them to a command. */
export function withKeyFlags(command: Command): Command {
  return command
    .option(
      "--keys-file <file>",
      "the partition is encrypted: its NVS keys partition, as it was written to the device",
    )
    .option(
      "--hmac-key-file <file>",
      "the partition is encrypted: the 32 bytes of the HMAC key in the chip's eFuses",
    );
}

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
