import "reflect-metadata"; // what @peculiar/x509 builds on expects it to be there
import { X509Certificate as NodeCertificate, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type GeneralNameType,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from "@peculiar/x509";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const RSA_BITS = 2048;
/** As RFC 7468, 6 has it and OpenSSL reads it; the library writes another. */
const CRL_LABEL = "X509 CRL";

const ALGORITHMS = {
  rsa: {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: RSA_BITS,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  ec: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ed25519: { name: "Ed25519" },
} as const;

/** Kinds of keys: RSA of 2048 bits, EC on P-256, Ed25519. */
export type KeyType = keyof typeof ALGORITHMS;

/** A certificate and its private key (PKCS #8), both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is issued for. */
export interface CertificateRequest {
  /** The common name: a device's id, or what a server is called. */
  readonly name: string;
  /** The DNS names and IP addresses of a server. Absent: a client's certificate. */
  readonly hosts?: readonly string[];
  /** Default EC. */
  readonly keyType?: KeyType;
  /** Default an hour ago, for peers whose clock is behind. */
  readonly validFrom?: Date;
  /** Default in a day. */
  readonly validTo?: Date;
}

/**
 * A certificate authority for tests and for the mock cloud (RFC 5280): its key lives in this process only, and
 * what it issues is good for a day.
 */
export class CertificateAuthority {
  private readonly revoked: { serialNumber: string; revocationDate: Date }[] = [];

  private constructor(
    /** Its own certificate, PEM: the trust anchor. */
    readonly cert: string,
    private readonly name: string,
    private readonly keys: webcrypto.CryptoKeyPair,
    private readonly keyType: KeyType,
  ) {}

  /** With a new key. @param name its common name; two authorities that live at once need two names */
  static async create(name = "motekey test CA", keyType: KeyType = "ec"): Promise<CertificateAuthority> {
    const keys = await newKeys(keyType);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: [{ CN: [name] }],
      keys,
      notBefore: new Date(Date.now() - HOUR_MS),
      notAfter: new Date(Date.now() + DAY_MS),
      signingAlgorithm: ALGORITHMS[keyType],
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new CertificateAuthority(certificate.toString("pem"), name, keys, keyType);
  }

  /** Issues a certificate with a key of its own. */
  async issue(request: CertificateRequest): Promise<KeyPair> {
    const keys = await newKeys(request.keyType ?? "ec");
    const purpose = request.hosts === undefined ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth;
    const extensions: Extension[] = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([purpose]),
      await AuthorityKeyIdentifierExtension.create(this.keys.publicKey),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ];
    if (request.hosts !== undefined) {
      extensions.push(new SubjectAlternativeNameExtension(request.hosts.map(generalName)));
    }
    const certificate = await X509CertificateGenerator.create({
      subject: [{ CN: [request.name] }],
      issuer: [{ CN: [this.name] }],
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHMS[this.keyType],
      notBefore: request.validFrom ?? new Date(Date.now() - HOUR_MS),
      notAfter: request.validTo ?? new Date(Date.now() + DAY_MS),
      extensions,
    });
    const key = PemConverter.encode(
      await webcrypto.subtle.exportKey("pkcs8", keys.privateKey),
      PemConverter.PrivateKeyTag,
    );
    return { cert: certificate.toString("pem"), key };
  }

  /** Takes a certificate back: the lists made from now on name it. @param cert PEM, issued here */
  revoke(cert: string): void {
    const { serialNumber } = new NodeCertificate(cert);
    this.revoked.push({ serialNumber, revocationDate: new Date() });
  }

  /** The list of what was revoked so far, PEM (RFC 5280, 5). @param nextUpdate default in a day */
  async crl(nextUpdate = new Date(Date.now() + DAY_MS)): Promise<string> {
    const list = await X509CrlGenerator.create({
      issuer: [{ CN: [this.name] }],
      thisUpdate: new Date(Math.min(Date.now(), nextUpdate.getTime()) - HOUR_MS),
      nextUpdate,
      entries: this.revoked,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHMS[this.keyType],
      extensions: [await AuthorityKeyIdentifierExtension.create(this.keys.publicKey)],
    });
    return PemConverter.encode(list.rawData, CRL_LABEL);
  }
}

function newKeys(keyType: KeyType): Promise<webcrypto.CryptoKeyPair> {
  const generated = webcrypto.subtle.generateKey(ALGORITHMS[keyType], true, ["sign", "verify"]);
  return generated as Promise<webcrypto.CryptoKeyPair>;
}

function generalName(host: string): { type: GeneralNameType; value: string } {
  return { type: isIP(host) === 0 ? "dns" : "ip", value: host };
}
