import { Der, isSame, Tag } from "./der.js";

/** An RSA public key; both numbers have their high byte first, without leading zeros. */
export interface RsaKey {
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
}

/** Digests that a certificate may be signed with. */
export type SignatureHash = "SHA256" | "SHA384" | "SHA512";

/** What of an X.509 certificate (RFC 5280) decides whether a server is who it says. */
export interface Certificate {
  readonly der: Uint8Array;
  /** What is signed. */
  readonly tbs: Uint8Array;
  /** Names as DER: they are compared byte by byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** null: not RSA. */
  readonly key: RsaKey | null;
  /** null: not RSA with PKCS #1 v1.5 and SHA-2. */
  readonly signatureHash: SignatureHash | null;
  readonly signature: Uint8Array;
  readonly extensions: Extensions;
}

/** RFC 5280, 4.2.1; what is absent there is as its absence means. */
export interface Extensions {
  isAuthority: boolean;
  /** How many authorities may stand between this one and the server's certificate. */
  pathLengthMax: number;
  maySignCertificates: boolean;
  /** Whether its key may sign a handshake. */
  maySign: boolean;
  mayServe: boolean;
  /** subjectAltName: host names in lower case, and IPv4 addresses with dots. */
  readonly hosts: string[];
  /** One that must be understood and is not (4.2): critical, or name constraints, which limit an authority. */
  hasUnknownCritical: boolean;
}

const RSA_ENCRYPTION = "2a864886f70d010101";
const SIGNATURES: Readonly<Record<string, SignatureHash>> = {
  "2a864886f70d01010b": "SHA256",
  "2a864886f70d01010c": "SHA384",
  "2a864886f70d01010d": "SHA512",
};
const KEY_USAGE = "551d0f";
const SUBJECT_ALT_NAME = "551d11";
const BASIC_CONSTRAINTS = "551d13";
const NAME_CONSTRAINTS = "551d1e";
const EXTENDED_KEY_USAGE = "551d25";
const SERVER_AUTH = "2b06010505070301";
const ANY_EXTENDED_KEY_USAGE = "551d2500";
/** keyCertSign, bit 5 from the left. */
const KEY_CERT_SIGN = 0x04;
/** digitalSignature, bit 0. */
const DIGITAL_SIGNATURE = 0x80;
/** Context tags: version, extensions; in a subjectAltName dNSName and iPAddress. */
const VERSION = 0xa0;
const ISSUER_UNIQUE_ID = 0x81;
const SUBJECT_UNIQUE_ID = 0x82;
const EXTENSIONS = 0xa3;
/** The third version is written as 2. */
const VERSION_3 = 2;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/**
 * Reads a certificate.
 * @throws Error when the bytes are no X.509 certificate in DER
 */
export const readCertificate = (der: Uint8Array): Certificate => {
  const outer = new Der(der, 0, der.length);
  const all = outer.open(Tag.SEQUENCE);
  if (!outer.isAtEnd) throw new Error("X.509: bytes behind the certificate");
  const tbs = all.whole();
  const algorithm = all.whole();
  const signature = readBits(all);
  end(all);

  const inner = new Der(tbs, 0, tbs.length).open(Tag.SEQUENCE);
  const version = inner.isNext(VERSION) ? inner.open(VERSION).open(Tag.INTEGER).rest()[0] : 0;
  inner.open(Tag.INTEGER); // serialNumber
  const isAnnounced = isSame(inner.whole(), algorithm);
  const issuer = inner.whole();
  const validity = inner.open(Tag.SEQUENCE);
  const notBeforeMs = readTime(validity);
  const notAfterMs = readTime(validity);
  const subject = inner.whole();
  const key = readKey(inner.open(Tag.SEQUENCE));
  if (inner.isNext(ISSUER_UNIQUE_ID)) inner.next();
  if (inner.isNext(SUBJECT_UNIQUE_ID)) inner.next();
  if (inner.isNext(EXTENSIONS) && version !== VERSION_3)
    throw new Error("X.509: extensions before version 3");
  const extensions = readExtensions(inner);
  end(inner);
  return {
    der,
    tbs,
    issuer,
    subject,
    notBeforeMs,
    notAfterMs,
    key,
    signatureHash: isAnnounced ? signatureHashOf(algorithm) : null,
    signature,
    extensions,
  };
};

/** Nothing may stand behind what was read. */
const end = (der: Der): void => {
  if (!der.isAtEnd) throw new Error("X.509: bytes that do not belong there");
};

const readBoolean = (der: Der): boolean => {
  const bytes = der.open(Tag.BOOLEAN).rest();
  if (bytes.length !== 1 || (bytes[0] !== 0 && bytes[0] !== 0xff)) throw new Error("X.509: no boolean");
  return bytes[0] !== 0;
};

const signatureHashOf = (algorithm: Uint8Array): SignatureHash | null => {
  const parts = new Der(algorithm, 0, algorithm.length).open(Tag.SEQUENCE);
  return SIGNATURES[parts.open(Tag.OBJECT_IDENTIFIER).hex()] ?? null;
};

/** A bit string of whole bytes. */
const readBits = (der: Der): Uint8Array => {
  const bits = der.open(Tag.BIT_STRING).rest();
  if (bits[0] !== 0) throw new Error("X.509: a bit string that ends within a byte");
  return bits.subarray(1);
};

/** UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ` (RFC 5280, 4.1.2.5). */
const readTime = (der: Der): number => {
  const isShort = der.isNext(Tag.UTC_TIME);
  const text = der.open(isShort ? Tag.UTC_TIME : Tag.GENERALIZED_TIME).ascii();
  const full = isShort ? (text < "50" ? "20" : "19") + text : text;
  const part = (from: number, to: number): number => Number(full.slice(from, to));
  const ms = Date.UTC(part(0, 4), part(4, 6) - 1, part(6, 8), part(8, 10), part(10, 12), part(12, 14));
  // Only a date that there is comes out as it went in.
  const isDate =
    !Number.isNaN(ms) && new Date(ms).toISOString().replace(/[-:T]|[.].*/g, "") === full.slice(0, 14);
  if (full.length !== 15 || full[14] !== "Z" || !isDate) throw new Error(`X.509: ${text} is no time`);
  return ms;
};

const readKey = (info: Der): RsaKey | null => {
  if (info.open(Tag.SEQUENCE).open(Tag.OBJECT_IDENTIFIER).hex() !== RSA_ENCRYPTION) return null;
  const bits = readBits(info);
  const numbers = new Der(bits, 0, bits.length).open(Tag.SEQUENCE);
  return { modulus: readPositive(numbers), exponent: readPositive(numbers) };
};

const readPositive = (der: Der): Uint8Array => {
  const bytes = der.open(Tag.INTEGER).rest();
  if (bytes.length === 0 || (bytes[0] as number) >= 0x80) throw new Error("X.509: a key below 0");
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
};

const readExtensions = (inner: Der): Extensions => {
  const read: Extensions = {
    isAuthority: false,
    pathLengthMax: Infinity,
    maySignCertificates: true,
    maySign: true,
    mayServe: true,
    hosts: [],
    hasUnknownCritical: false,
  };
  if (!inner.isNext(EXTENSIONS)) return read;
  const outer = inner.open(EXTENSIONS);
  const list = outer.open(Tag.SEQUENCE);
  const names: string[] = [];
  end(outer);
  while (!list.isAtEnd) {
    const extension = list.open(Tag.SEQUENCE);
    const name = extension.open(Tag.OBJECT_IDENTIFIER).hex();
    if (names.indexOf(name) >= 0) throw new Error("X.509: an extension that comes twice");
    names.push(name);
    const isCritical = extension.isNext(Tag.BOOLEAN) && readBoolean(extension);
    const value = extension.open(Tag.OCTET_STRING);
    end(extension);
    const isKnown = readExtension(read, name, value);
    if (isKnown) end(value);
    else if (isCritical || name === NAME_CONSTRAINTS) read.hasUnknownCritical = true;
  }
  return read;
};

/** @returns whether the extension is one that we know */
const readExtension = (read: Extensions, name: string, value: Der): boolean => {
  if (name === BASIC_CONSTRAINTS) {
    const constraints = value.open(Tag.SEQUENCE);
    if (constraints.isNext(Tag.BOOLEAN)) read.isAuthority = readBoolean(constraints);
    if (constraints.isNext(Tag.INTEGER)) {
      const length = constraints.open(Tag.INTEGER).rest();
      if (length.length !== 1 || (length[0] as number) >= 0x80) throw new Error("X.509: no length of a path");
      read.pathLengthMax = length[0] as number;
    }
    end(constraints);
  } else if (name === KEY_USAGE) {
    const usages = value.open(Tag.BIT_STRING).rest()[1] ?? 0;
    read.maySignCertificates = (usages & KEY_CERT_SIGN) !== 0;
    read.maySign = (usages & DIGITAL_SIGNATURE) !== 0;
  } else if (name === EXTENDED_KEY_USAGE) {
    read.mayServe = false;
    const usages = value.open(Tag.SEQUENCE);
    while (!usages.isAtEnd) {
      const usage = usages.open(Tag.OBJECT_IDENTIFIER).hex();
      if (usage === SERVER_AUTH || usage === ANY_EXTENDED_KEY_USAGE) read.mayServe = true;
    }
  } else if (name === SUBJECT_ALT_NAME) {
    const names = value.open(Tag.SEQUENCE);
    while (!names.isAtEnd) readName(read.hosts, names);
  } else return false;
  return true;
};

const readName = (hosts: string[], names: Der): void => {
  if (names.isNext(DNS_NAME)) {
    const name = names.next().ascii().toLowerCase();
    if (!/[0-9]$/.test(name)) hosts.push(name); // no host name ends so; an address would
  } else if (names.isNext(IP_ADDRESS)) {
    const address = names.next().rest();
    if (address.length === 4) hosts.push(address.join("."));
  } else names.next();
};
