/** Extensions of each certificate on the way to an anchor (RFC 5280, 4.2), made by @peculiar/x509, with OpenSSL as the witness. */
import "reflect-metadata";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { verify, type webcrypto, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { type Certificate, readCertificate } from "../../firmware/adapters/moddable/tls/certificate.js";
import { checkChain } from "../../firmware/adapters/moddable/tls/chain.js";
import { Status } from "../../firmware/status.js";

const HOST = "mqtt.example.com";
const HOUR_MS = 3_600_000;
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
} as const;

const raw = (name: string, isCritical: boolean, hex: string) =>
  new Extension(name, isCritical, Buffer.from(hex, "hex"));
const dns = (name: string): string => {
  const inner = Buffer.concat([Buffer.from([0x82, name.length]), Buffer.from(name)]);
  const subtree = Buffer.concat([Buffer.from([0x30, inner.length]), inner]);
  return Buffer.concat([Buffer.from([0x30, subtree.length + 2, 0xa0, subtree.length]), subtree]).toString(
    "hex",
  );
};

const CA = new BasicConstraintsExtension(true, undefined, true);
const SIGNS = new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true);
const SERVES = new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]);
const CLIENT_ONLY = new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]);
const NAMED = new SubjectAlternativeNameExtension([{ type: "dns", value: HOST }]);
const LEAF = [new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true), SERVES, NAMED];
const CONSTRAINED = raw("2.5.29.30", true, dns("example.com"));
const UNKNOWN = raw("1.3.6.1.4.1.55555.1", true, "0500");
const UNKNOWN_NOT_CRITICAL = raw("1.3.6.1.4.1.55555.1", false, "0500");

/** What the certificates have, where it is not the ordinary. */
interface Case {
  readonly anchor?: Extension[];
  readonly middle?: Extension[];
  readonly server?: Extension[];
  readonly expected: "OK" | "TLS_CA" | "malformed";
}

const CASES: Record<string, Case> = {
  "nothing unusual": { expected: "OK" },
  "a critical policy constraint in the anchor": {
    anchor: [CA, SIGNS, raw("2.5.29.36", true, "3003800100")],
    expected: "TLS_CA",
  },
  "name constraints in the anchor, which allow the name": {
    anchor: [CA, SIGNS, CONSTRAINED],
    expected: "TLS_CA",
  },
  "name constraints in the anchor, which forbid the name": {
    anchor: [CA, SIGNS, raw("2.5.29.30", true, dns("example.org"))],
    expected: "TLS_CA",
  },
  "name constraints in the anchor that are not critical, and forbid the name": {
    anchor: [CA, SIGNS, raw("2.5.29.30", false, dns("example.org"))],
    expected: "TLS_CA",
  },
  "name constraints in an authority between": {
    middle: [CA, SIGNS, raw("2.5.29.30", true, dns("example.org"))],
    expected: "TLS_CA",
  },
  "an unknown critical extension in the anchor": { anchor: [CA, SIGNS, UNKNOWN], expected: "TLS_CA" },
  "an unknown critical extension between": { middle: [CA, SIGNS, UNKNOWN], expected: "TLS_CA" },
  "an unknown critical extension in the server's": { server: [...LEAF, UNKNOWN], expected: "TLS_CA" },
  "unknown extensions that are not critical": {
    anchor: [CA, SIGNS, UNKNOWN_NOT_CRITICAL],
    middle: [CA, SIGNS, UNKNOWN_NOT_CRITICAL],
    server: [...LEAF, UNKNOWN_NOT_CRITICAL],
    expected: "OK",
  },
  "an extension twice in the anchor": { anchor: [CA, CA, SIGNS], expected: "malformed" },
  "an extension twice between, the second of which allows less": {
    middle: [CA, SIGNS, new BasicConstraintsExtension(false, undefined, true)],
    expected: "malformed",
  },
  "an unknown extension twice in the server's": {
    server: [...LEAF, UNKNOWN_NOT_CRITICAL, UNKNOWN_NOT_CRITICAL],
    expected: "malformed",
  },
  "two lists of names in the server's": {
    server: [...LEAF, new SubjectAlternativeNameExtension([{ type: "dns", value: "other.example.com" }])],
    expected: "malformed",
  },
  "no basicConstraints in the anchor": { anchor: [SIGNS], expected: "TLS_CA" },
  "no basicConstraints between": { middle: [SIGNS], expected: "TLS_CA" },
  "an anchor whose key may not sign certificates": {
    anchor: [CA, new KeyUsagesExtension(KeyUsageFlags.cRLSign, true)],
    expected: "TLS_CA",
  },
  "a path that is longer than the anchor allows": {
    anchor: [new BasicConstraintsExtension(true, 0, true), SIGNS],
    expected: "TLS_CA",
  },
  "a path length below 0": {
    anchor: [raw("2.5.29.19", true, "30060101ff0201ff"), SIGNS],
    expected: "malformed",
  },
  "an anchor for servers only": { anchor: [CA, SIGNS, SERVES], expected: "OK" },
  "an anchor for clients only": { anchor: [CA, SIGNS, CLIENT_ONLY], expected: "TLS_CA" },
  "an authority for clients only between": { middle: [CA, SIGNS, CLIENT_ONLY], expected: "TLS_CA" },
  "a server for clients only": { server: [LEAF[0] as Extension, CLIENT_ONLY, NAMED], expected: "TLS_CA" },
  "a server without usages": { server: [NAMED], expected: "OK" },
  "a server whose key may not sign": {
    server: [new KeyUsagesExtension(KeyUsageFlags.keyEncipherment, true), SERVES, NAMED],
    expected: "TLS_CA",
  },
  "a boolean of two bytes": {
    anchor: [raw("2.5.29.19", true, "30040102ffff"), SIGNS],
    expected: "malformed",
  },
  "bytes behind an extension": {
    anchor: [raw("2.5.29.19", true, "30030101ff0500"), SIGNS],
    expected: "malformed",
  },
};

describe("an extension of a server's chain on Moddable", () => {
  let keys: webcrypto.CryptoKeyPair[];
  let folder: string;

  const issue = (subject: number, issuer: number, extensions: Extension[]): Promise<string> =>
    X509CertificateGenerator.create({
      subject: [{ CN: [`number ${subject}`] }],
      issuer: [{ CN: [`number ${issuer}`] }],
      publicKey: (keys[subject] as webcrypto.CryptoKeyPair).publicKey,
      signingKey: (keys[issuer] as webcrypto.CryptoKeyPair).privateKey,
      signingAlgorithm: RSA,
      notBefore: new Date(Date.now() - HOUR_MS),
      notAfter: new Date(Date.now() + HOUR_MS),
      extensions,
    }).then((certificate) => certificate.toString("pem"));

  const isSignedBy = (certificate: Certificate, issuer: Certificate) =>
    verify(
      certificate.signatureHash,
      certificate.tbs,
      new X509Certificate(issuer.der).publicKey,
      certificate.signature,
    );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "motekey-"));
    keys = await Promise.all(
      [0, 1, 2].map(
        () => crypto.subtle.generateKey(RSA, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>,
      ),
    );
  });
  after(() => rm(folder, { recursive: true }));

  /** Whether `openssl verify` takes the chain for a server of this name. */
  async function opensslTakes(names: readonly string[]): Promise<boolean> {
    const files = names.map((_, index) => join(folder, `${index}.pem`));
    for (const [index, pem] of names.entries()) await writeFile(files[index] as string, pem);
    const [anchor, middle, server] = files as [string, string, string];
    const flags = ["-purpose", "sslserver", "-verify_hostname", HOST];
    const { status, error } = spawnSync("openssl", [
      "verify",
      ...flags,
      "-CAfile",
      anchor,
      "-untrusted",
      middle,
      server,
    ]);
    if (error !== undefined) throw error;
    return status === 0;
  }

  for (const [what, { anchor, middle, server, expected }] of Object.entries(CASES)) {
    it(`that is ${what}: ${expected}`, async () => {
      const pems = await Promise.all([
        issue(0, 0, anchor ?? [CA, SIGNS]),
        issue(1, 0, middle ?? [CA, SIGNS]),
        issue(2, 1, server ?? LEAF),
      ]);
      const read = () => pems.map((pem) => readCertificate(Uint8Array.from(new X509Certificate(pem).raw)));
      if (expected === "malformed") assert.throws(read, /^Error: X\.509: /);
      else {
        const [root, between, own] = read() as [Certificate, Certificate, Certificate];
        const trust = { anchors: [root], serverName: HOST, nowMs: Date.now(), isSignedBy };
        assert.equal(Status[checkChain([own, between], trust)], expected);
        assert.equal(
          Status[checkChain([own, between, root], trust)],
          expected,
          "with the anchor in the chain",
        );
      }
      // OpenSSL, which understands more of them, takes what we take.
      if (expected === "OK") assert.ok(await opensslTakes(pems));
    });
  }
});
