/** A certificate request (PKCS #10, RFC 2986): of it nothing but the key is taken, once it proved that it has it. */
import "reflect-metadata"; // what @peculiar/x509 builds on expects it to be there
import { Pkcs10CertificateRequest, type PublicKey } from "@peculiar/x509";
import { Failure, printable, usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { fileBytes } from "../device/files.js";
import { checkDeviceKey } from "./algorithms.js";

/** The key of a request's file, PEM or DER. @throws Failure where its signature is not by that key */
export async function keyOfRequest(system: System, file: string): Promise<PublicKey> {
  const bytes = await fileBytes(system, "--csr", file);
  const isPem = bytes.toString("latin1", 0, 11) === "-----BEGIN ";
  let request: Pkcs10CertificateRequest;
  let isProved: boolean;
  try {
    request = new Pkcs10CertificateRequest(isPem ? bytes.toString("latin1") : bytes);
    checkDeviceKey(new Uint8Array(request.publicKey.rawData));
    isProved = await request.verify();
  } catch (failure) {
    if (failure instanceof Failure) throw failure;
    throw usage(`${printable(file)} (--csr) is no certificate request.`, "It is PKCS #10, in PEM or DER.");
  }
  if (isProved) return request.publicKey;
  throw usage(
    `${printable(file)} (--csr) is not signed by its own key.`,
    "Make it anew on the device that has the key.",
  );
}
