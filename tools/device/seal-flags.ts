/** The flags that say what a device's records are sealed with, apart from what reads the secret: every start reads them. */
import type { Command } from "commander";
import { type Failure, usage } from "../cli/failure.js";

/** The second goes with the first only. */
export interface SealFlags {
  readonly sealSecretFile?: string;
  readonly sealMac?: string;
}

/** Adds them to a command. */
export function withSealFlags(command: Command): Command {
  return command
    .option(
      "--seal-secret-file <file>",
      "its records are sealed: the 32 bytes of the HMAC key in the chip's eFuses; with --seal-mac the build's secret",
    )
    .option(
      "--seal-mac <address>",
      "the device's MAC address: its records are obfuscated with it and the build's secret",
    );
}

/** A certificate's private key is the app's TLS link's, which opens no seal: it would lie open beside sealed records. */
export const sealsNoCertificate = (): Failure =>
  usage(
    "A certificate's private key is no record that is sealed: it would lie readable beside them.",
    "Encrypt the partition instead: --keys-file or --hmac-key-file.",
  );
