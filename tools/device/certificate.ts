/** A device's certificate and its key, from files. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { printable, usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { fileBytes, secretBytes } from "./files.js";
import type { PskFlags } from "./group-key.js";
import type { ClientCertificate } from "./provision.js";
import { sealsNoCertificate } from "./seal-flags.js";

/** The flags that name them. */
export interface CertificateFlags extends PskFlags {
  readonly id: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly cloudCaFile?: string;
  readonly sealSecretFile?: string;
}

/** What the flags name; null: nothing. @throws Failure where they are of two devices, or not this one's */
export async function certificateOf(
  system: System,
  { id, certFile, keyFile, cloudCaFile, pskFile, groupKeyFile, sealSecretFile }: CertificateFlags,
): Promise<ClientCertificate | null> {
  if (certFile === undefined && keyFile === undefined) {
    if (cloudCaFile === undefined) return null;
    throw usage("--cloud-ca-file goes with a certificate.", "Give --cert-file and --key-file too.");
  }
  if (certFile === undefined || keyFile === undefined)
    throw usage("A certificate and its key go together.", "Give --cert-file and --key-file.");
  if (pskFile !== undefined || groupKeyFile !== undefined)
    throw usage("A device has a certificate or a shared key.", "Give --cert-file, or --psk-file.");
  if (sealSecretFile !== undefined) throw sealsNoCertificate();
  const cert = await certificateIn(system, "--cert-file", certFile);
  // As a name, never as a part of a text: a certificate for "a, CN=b" is not b's.
  if (cert.subject !== `CN=${id}`)
    throw usage(
      `${printable(certFile)} is not a certificate of ${id}: its subject is '${printable(cert.subject, 100)}'.`,
      "Give the device's own.",
    );
  const pem = await secretBytes(system, "--key-file", keyFile);
  system.secrets.keepPem(pem.toString("latin1"));
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw usage(`${printable(keyFile)} (--key-file) holds no private key.`, "It is PEM, and not sealed.");
  } finally {
    pem.fill(0);
  }
  if (!cert.checkPrivateKey(key))
    throw usage("The key is not that of the certificate.", "Give the pair that 'device create --cert' made.");
  const ca =
    cloudCaFile === undefined ? null : (await certificateIn(system, "--cloud-ca-file", cloudCaFile)).raw;
  return { cert: cert.raw, key: key.export({ type: "pkcs8", format: "der" }), ca };
}

async function certificateIn(system: System, name: string, file: string): Promise<X509Certificate> {
  const bytes = await fileBytes(system, name, file);
  try {
    return new X509Certificate(bytes);
  } catch {
    throw usage(`${printable(file)} (${name}) is no certificate.`, "It is PEM, or DER.");
  }
}
