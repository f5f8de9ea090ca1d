/**
 * A project's certificate authority (RFC 5280) in a folder: `ca.pem`, its key sealed in `ca.key.age`, `ca.crl.pem`, and
 * `ledger.jsonl`, an audit log of what it signed and took back. A certificate is in the ledger before anybody has it.
 */
import "reflect-metadata"; // what @peculiar/x509 builds on expects it to be there
import { createPrivateKey, type KeyObject, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as ParsedCertificate,
  PemConverter,
  type PublicKey,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from "@peculiar/x509";
import { FileLock } from "../../host-sim/cloud/file-lock.js";
import { AuditLog } from "../audit/log.js";
import { Failure, printable, usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { fileBytes, secretBytes, writeOwn } from "../device/files.js";
import { ALGORITHMS, type KeyType, newKeys, signingKeyOf, typeOf } from "./algorithms.js";
import { type AuthorityFlags, PROFILES } from "./flags.js";
import { openedKey, sealedKey } from "./key.js";
import { type Issued, Ledger } from "./ledger.js";

export const DAY_MS = 86_400_000;
/** For peers whose clock is behind. */
const BACKDATE_MS = 3_600_000;
const SERIAL_BYTES = 16;
const ID = /^[A-Za-z0-9_-]{1,64}$/;
/** As RFC 7468, 6 has it and OpenSSL reads it; the library writes another. */
const CRL_LABEL = "X509 CRL";

/** How a new authority is made. */
export interface NewAuthority {
  readonly name: string;
  readonly keyType: KeyType;
  readonly days: number;
  /** Of age's; empty: a passphrase. */
  readonly recipients: readonly string[];
  readonly passphraseFile: string | undefined;
}

/** A certificate that was signed, PEM. */
export interface Signed extends Issued {
  readonly cert: string;
}

/** Makes one. @throws Failure where the folder has one */
export async function createAuthority(
  system: System,
  flags: AuthorityFlags,
  wanted: NewAuthority,
): Promise<void> {
  const folder = folderOf(system, flags);
  if (wanted.name.length < 1 || wanted.name.length > 64 || printable(wanted.name) !== wanted.name)
    throw usage("This is no name of a CA.", "It has 1 to 64 characters.");
  const keys = await newKeys(wanted.keyType);
  const pem = await pemOf(keys.privateKey);
  system.secrets.keepPem(pem);
  const sealed = await sealedKey(system, pem, wanted.recipients, wanted.passphraseFile);
  const now = system.now();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    // Never as a text, of which the library would read "+" and "," as a name's parts.
    name: [{ CN: [wanted.name] }],
    keys,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + wanted.days * DAY_MS),
    signingAlgorithm: ALGORITHMS[wanted.keyType],
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // The key first: a certificate without one would pass for an authority.
  await writeOwn(system, join(folder, "ca.key.age"), sealed, false);
  await writeOwn(system, join(folder, "ca.pem"), Buffer.from(`${certificate.toString("pem")}\n`), false);
  const authority = await Authority.open(system, flags);
  try {
    await authority.begin(createPrivateKey(pem));
  } finally {
    await authority.close();
  }
}

/** An authority that is there. Its key is opened by what signs. */
export class Authority {
  private opened: Promise<KeyObject> | null = null;

  private constructor(
    private readonly system: System,
    private readonly folder: string,
    private readonly flags: AuthorityFlags,
    readonly certificate: X509Certificate,
    /** The same, as the library has it. */
    private readonly parsed: ParsedCertificate,
    readonly ledger: Ledger,
    private readonly log: AuditLog,
    private readonly lock: FileLock,
  ) {}

  /** @throws Failure where there is none, or its key is open to others */
  static async open(system: System, flags: AuthorityFlags): Promise<Authority> {
    const folder = folderOf(system, flags);
    const pem = await fileBytes(system, "The CA's certificate (--ca)", join(folder, "ca.pem"));
    let certificate: X509Certificate;
    let parsed: ParsedCertificate;
    try {
      certificate = new X509Certificate(pem);
      parsed = new ParsedCertificate(certificate.raw);
    } catch {
      throw new Failure(
        "storage_broken",
        `${printable(join(folder, "ca.pem"))} is no certificate.`,
        "Put the backup back.",
      );
    }
    const lock = await locked(folder);
    try {
      const ledger = new Ledger();
      const log = await AuditLog.open(join(folder, "ledger.jsonl"), (entry) => ledger.take(entry));
      return new Authority(system, folder, flags, certificate, parsed, ledger, log, lock);
    } catch (failure) {
      await lock.release();
      throw failure;
    }
  }

  /** The trust anchor, PEM. */
  get pem(): string {
    return this.certificate.toString();
  }

  /** The ledger's last hash. */
  get head(): string {
    return this.log.head;
  }

  /** The first line of the ledger, and an empty list of what was revoked. */
  async begin(key: KeyObject): Promise<void> {
    await this.note({ did: "created", fingerprint: this.certificate.fingerprint256 });
    await this.writeCrl(key, PROFILES.standard);
  }

  /**
   * Signs a device's public key. Of a request nothing but its key is taken.
   * @param id the common name
   * @throws Failure for an id that is none, and where the authority ends before the certificate would
   */
  async sign(id: string, publicKey: PublicKey, days: number): Promise<Signed> {
    if (!ID.test(id))
      throw usage("This is no device's id that a certificate can have.", "It has 1 to 64 of A-Z a-z 0-9 _ -");
    const now = this.system.now();
    const notAfter = new Date(now + days * DAY_MS);
    if (notAfter.getTime() > Date.parse(this.certificate.validTo))
      throw usage(
        `The CA ends on ${new Date(this.certificate.validTo).toISOString().slice(0, 10)}, before the certificate would.`,
        "Take a shorter --profile, or make the next CA: 'motekey ca create'.",
      );
    const key = await this.privateKey();
    const certificate = await X509CertificateGenerator.create({
      serialNumber: newSerial(),
      subject: [{ CN: [id] }],
      issuer: this.parsed.subjectName,
      publicKey,
      signingKey: await signingKeyOf(key),
      signingAlgorithm: ALGORITHMS[typeOf(key)],
      notBefore: new Date(now - BACKDATE_MS),
      notAfter,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
        await AuthorityKeyIdentifierExtension.create(this.parsed.publicKey),
        await SubjectKeyIdentifierExtension.create(publicKey),
      ],
    });
    const cert = certificate.toString("pem");
    const { serialNumber: serial, fingerprint256: fingerprint } = new X509Certificate(cert);
    const isRenewal = this.ledger.goodOf(id, now).length > 0;
    const issued = { device: id, serial, fingerprint, not_after: notAfter.toISOString() };
    await this.note({ did: isRenewal ? "renewed" : "signed", ...issued });
    return { ...issued, cert: `${cert}\n` };
  }

  /** Takes certificates back, and writes the list of those. */
  async revoke(certificates: readonly Issued[], days: number): Promise<void> {
    const key = await this.privateKey();
    for (const { device, serial, fingerprint, not_after } of certificates)
      await this.note({ did: "revoked", device, serial, fingerprint, not_after });
    await this.writeCrl(key, days);
  }

  /** The list of what was revoked, anew: a list ends too. */
  async renewCrl(days: number): Promise<void> {
    await this.writeCrl(await this.privateKey(), days);
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.lock.release();
  }

  private async note(entry: { did: string; [name: string]: unknown }): Promise<void> {
    const at = new Date(this.system.now()).toISOString();
    const { did, ...rest } = entry;
    const line = { at, by: userInfo().username, did, ...rest };
    await this.log.append([line]);
    this.ledger.take(line);
  }

  private async writeCrl(key: KeyObject, days: number): Promise<void> {
    const now = this.system.now();
    const list = await X509CrlGenerator.create({
      issuer: this.parsed.subjectName,
      thisUpdate: new Date(now - BACKDATE_MS),
      nextUpdate: new Date(now + days * DAY_MS),
      entries: this.ledger.revoked(now).map(({ serial, at }) => ({
        serialNumber: serial,
        revocationDate: new Date(at),
      })),
      signingKey: await signingKeyOf(key),
      signingAlgorithm: ALGORITHMS[typeOf(key)],
      extensions: [await AuthorityKeyIdentifierExtension.create(this.parsed.publicKey)],
    });
    const pem = `${PemConverter.encode(list.rawData, CRL_LABEL)}\n`;
    await writeOwn(this.system, join(this.folder, "ca.crl.pem"), Buffer.from(pem), true);
  }

  /** Opened once: a passphrase takes seconds. */
  private privateKey(): Promise<KeyObject> {
    this.opened ??= this.openedPrivateKey();
    return this.opened;
  }

  private async openedPrivateKey(): Promise<KeyObject> {
    const path = join(this.folder, "ca.key.age");
    const sealed = await secretBytes(this.system, "the CA's key", path);
    const pem = await openedKey(this.system, sealed, this.flags);
    this.system.secrets.keepPem(pem);
    const key = createPrivateKey(pem);
    if (this.certificate.checkPrivateKey(key)) return key;
    throw new Failure(
      "storage_broken",
      "The CA's key is not that of its certificate.",
      "Put the backup back.",
    );
  }
}

const folderOf = (system: System, { ca = "ca" }: AuthorityFlags): string => resolve(system.directory, ca);

async function locked(folder: string): Promise<FileLock> {
  try {
    return await FileLock.take(join(folder, "ca"), "CA");
  } catch (failure) {
    throw new Failure("storage_busy", `${(failure as Error).message.split(";")[0]}.`, "Let that run end.", {
      cause: failure,
    });
  }
}

/** 127 random bits and more (RFC 5280, 4.1.2.2: positive, and at most 20 bytes). */
function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey("pkcs8", key);
  return `${PemConverter.encode(der, PemConverter.PrivateKeyTag)}\n`;
}
