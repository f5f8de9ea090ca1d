import { Status } from "../../../status.js";
import type { Certificate } from "./certificate.js";
import { isSame } from "./der.js";

/** Certificates of a chain that are looked at: each costs a signature's check. */
const CHAIN_LENGTH_MAX = 6;
/** 65537: smaller exponents make lenient checks of signatures forgeable. */
const EXPONENT = [1, 0, 1];
const MODULUS_BYTES_MIN = 256;

/** What a chain is checked against. */
export interface Trust {
  readonly anchors: readonly Certificate[];
  /** Whom we mean to talk to: a host name, or an IPv4 address with dots. */
  readonly serverName: string;
  /** Wall time, milliseconds since 1970. */
  readonly nowMs: number;
  /** Whether `certificate`'s signature was made with `issuer`'s key; only RSA keys that are long enough are asked. */
  isSignedBy(certificate: Certificate, issuer: Certificate): boolean;
}

/**
 * Whether a server's chain, its own certificate first, leads to an anchor (RFC 5280, 6.1; RFC 9525). RSA and SHA-2
 * only; policies, name constraints and revocation lists are not looked at: whoever has an extension that asks for
 * more, the anchor too, vouches for nobody.
 * @returns OK, TLS_CA, TLS_EXPIRED, TLS_NOT_YET_VALID or TLS_NAME
 */
export const checkChain = (chain: readonly Certificate[], trust: Trust): Status => {
  const server = chain[0];
  if (server === undefined || !isUsableKey(server)) return Status.TLS_CA;
  // The one suite has the server sign its part of the handshake (RFC 5246, 7.4.2).
  if (!server.extensions.mayServe || !server.extensions.maySign) return Status.TLS_CA;
  const path = pathOf(chain, trust);
  if (path === null) return Status.TLS_CA;
  for (const certificate of path) {
    const status = checkDates(certificate, trust.nowMs);
    if (status !== Status.OK) return status;
  }
  const names = server.extensions.hosts;
  return names.some((name) => isNamed(trust.serverName.toLowerCase(), name)) ? Status.OK : Status.TLS_NAME;
};

/** OK, TLS_EXPIRED, or TLS_NOT_YET_VALID, which a clock that was not set shows first. */
export const checkDates = (certificate: Certificate, nowMs: number): Status => {
  if (nowMs < certificate.notBeforeMs) return Status.TLS_NOT_YET_VALID;
  return nowMs > certificate.notAfterMs ? Status.TLS_EXPIRED : Status.OK;
};

/** From the server's certificate to an anchor, each signed by the next; null when there is no such path. */
const pathOf = (chain: readonly Certificate[], trust: Trust): Certificate[] | null => {
  const path: Certificate[] = [];
  for (let i = 0; i < chain.length && i < CHAIN_LENGTH_MAX; i++) {
    const certificate = chain[i] as Certificate;
    if (certificate.extensions.hasUnknownCritical) return null;
    if (i > 0) {
      const below = chain[i - 1] as Certificate;
      if (!mayIssue(certificate, i - 1) || !isIssued(below, certificate, trust)) return null;
    }
    path.push(certificate);
    const anchor = trust.anchors.find(
      (one) => isSame(one.der, certificate.der) || (mayIssue(one, i) && isIssued(certificate, one, trust)),
    );
    if (anchor !== undefined) {
      path.push(anchor);
      return path;
    }
  }
  return null;
};

/**
 * An authority that has extended usages has them for what it issues.
 * @param below authorities between this one and the server's certificate
 */
const mayIssue = ({ extensions }: Certificate, below: number): boolean =>
  extensions.isAuthority &&
  extensions.maySignCertificates &&
  extensions.mayServe &&
  !extensions.hasUnknownCritical &&
  below <= extensions.pathLengthMax;

const isIssued = (certificate: Certificate, issuer: Certificate, trust: Trust): boolean =>
  isSame(certificate.issuer, issuer.subject) &&
  certificate.signatureHash !== null &&
  isUsableKey(issuer) &&
  trust.isSignedBy(certificate, issuer);

const isUsableKey = ({ key }: Certificate): boolean =>
  key !== null && key.modulus.length >= MODULUS_BYTES_MIN && isSame(key.exponent, EXPONENT);

/** A name of a certificate may begin with `*.`, which stands for one label (RFC 9525, 6.3). */
const isNamed = (host: string, name: string): boolean => {
  if (name.slice(0, 2) !== "*." || /[0-9]$/.test(host)) return name === host;
  const dot = host.indexOf(".");
  return dot > 0 && name.indexOf("*", 1) < 0 && name.indexOf(".", 2) > 0 && host.slice(dot) === name.slice(1);
};
