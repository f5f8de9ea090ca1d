/** The flags that say how a partition is encrypted, apart from what reads keys: every start reads them. */
import type { Command } from "commander";

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
