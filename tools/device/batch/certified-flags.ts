/** What the flags say of a batch's certificates. */
import { X509Certificate } from "node:crypto";
import { resolve } from "node:path";
import { keyTypeOf } from "../../ca/algorithms.js";
import type { AuthorityFlags, ProfileFlags } from "../../ca/flags.js";
import { daysOf } from "../../ca/profile.js";
import type { Context } from "../../cli/act.js";
import { printable, usage } from "../../cli/failure.js";
import { fileBytes } from "../files.js";
import type { CertifiedHow } from "./certified.js";

/** The flags. */
export interface CertifiedFlags extends AuthorityFlags, ProfileFlags {
  readonly cert?: string;
  readonly csrFolder?: string;
  readonly cloudCaFile?: string;
  readonly groupKeyFile?: string;
  readonly jobs?: string;
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
}

/** How certificates are made, and what that is known by. */
export interface Certified extends CertifiedHow {
  readonly source: string;
}

/** null: the devices have shared keys. @throws Failure where flags do not go together */
export async function certifiedOf({ system }: Context, flags: CertifiedFlags): Promise<Certified | null> {
  const { cert, csrFolder, cloudCaFile } = flags;
  if (cert === undefined && csrFolder === undefined) {
    for (const name of ["ca", "passphraseFile", "profile", "cloudCaFile"] as const)
      if (flags[name] !== undefined)
        throw usage(
          `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is for certificates.`,
          "Give --cert or --csr-folder too.",
        );
    return null;
  }
  if ((cert !== undefined && csrFolder !== undefined) || flags.groupKeyFile !== undefined)
    throw usage("--cert, --csr-folder and --group-key-file are three kinds of device.", "Give one of them.");
  if (flags.jobs !== undefined)
    throw usage(
      "--jobs writes shared keys.",
      "Make images with --cert, and write each to its board with Espressif's tools.",
    );
  if (csrFolder !== undefined && (cloudCaFile ?? flags.recipient ?? flags.recipientsFile) !== undefined)
    throw usage(
      "With --csr-folder there are no images.",
      "Leave out --cloud-ca-file and the recipients: certificates are no secret.",
    );
  const days = daysOf(flags);
  const from =
    csrFolder === undefined
      ? { keys: keyTypeOf("--cert", cert ?? "") }
      : { requests: resolve(system.directory, csrFolder) };
  let cloudCa: Uint8Array | null = null;
  if (cloudCaFile !== undefined) {
    const bytes = await fileBytes(system, "--cloud-ca-file", cloudCaFile);
    try {
      cloudCa = new X509Certificate(bytes).raw;
    } catch {
      throw usage(`${printable(cloudCaFile)} (--cloud-ca-file) is no certificate.`, "It is PEM, or DER.");
    }
  }
  // The library for certificates takes a while to load, and most batches have none.
  const { Authority } = await import("../../ca/authority.js");
  const authority = await Authority.open(system, flags);
  const source = `${cert ?? "csr"} ${authority.certificate.fingerprint256}`;
  return { authority, days, from, cloudCa, source };
}
