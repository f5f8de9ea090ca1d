import "reflect-metadata"; // what @peculiar/x509 builds on expects it to be there
import { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { KeyPair } from "../../host-sim/cloud/certificates.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 3_600_000;

/** A server's certificate, issued by a CA that a root has issued. All PEM. */
export interface Chain {
  readonly root: string;
  readonly intermediate: string;
  readonly server: KeyPair;
}

/** Makes a chain of three for `localhost` and 127.0.0.1. */
export async function makeChain(): Promise<Chain> {
  const root = await newKeys();
  const intermediate = await newKeys();
  const server = await newKeys();
  return {
    root: await issue("root", root, "root", root, new BasicConstraintsExtension(true, 1, true)),
    intermediate: await issue(
      "intermediate",
      intermediate,
      "root",
      root,
      new BasicConstraintsExtension(true, 0, true),
    ),
    server: {
      cert: await issue(
        "server",
        server,
        "intermediate",
        intermediate,
        new SubjectAlternativeNameExtension([
          { type: "dns", value: "localhost" },
          { type: "ip", value: "127.0.0.1" },
        ]),
      ),
      key: PemConverter.encode(
        await webcrypto.subtle.exportKey("pkcs8", server.privateKey),
        PemConverter.PrivateKeyTag,
      ),
    },
  };
}

async function issue(
  subject: string,
  keys: webcrypto.CryptoKeyPair,
  issuer: string,
  issuerKeys: webcrypto.CryptoKeyPair,
  extension: BasicConstraintsExtension | SubjectAlternativeNameExtension,
): Promise<string> {
  const certificate = await X509CertificateGenerator.create({
    subject: [{ CN: [subject] }],
    issuer: [{ CN: [issuer] }],
    publicKey: keys.publicKey,
    signingKey: issuerKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + HOUR_MS),
    extensions: [extension],
  });
  return certificate.toString("pem");
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}
