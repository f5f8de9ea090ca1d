import { Status } from "../../firmware/index.js";

/** What the device proves itself by within TLS. */
export type TlsProof = "none" | "certificate" | "psk";

/** Why the cloud's certificate was not believed, in OpenSSL's words (verify(1)) and node:tls's own. */
const CERTIFICATE_FAULTS: Readonly<Record<string, Status>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: Status.TLS_NAME,
  HOSTNAME_MISMATCH: Status.TLS_NAME,
  CERT_HAS_EXPIRED: Status.TLS_EXPIRED,
  CERT_NOT_YET_VALID: Status.TLS_NOT_YET_VALID,
  CERT_REVOKED: Status.TLS_REVOKED,
  UNABLE_TO_GET_CRL: Status.TLS_CRL,
  CRL_HAS_EXPIRED: Status.TLS_CRL,
  CRL_NOT_YET_VALID: Status.TLS_CRL,
  CRL_SIGNATURE_FAILURE: Status.TLS_CRL,
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: Status.TLS_CRL,
  UNABLE_TO_GET_ISSUER_CERT: Status.TLS_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: Status.TLS_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: Status.TLS_CA,
  DEPTH_ZERO_SELF_SIGNED_CERT: Status.TLS_CA,
  SELF_SIGNED_CERT_IN_CHAIN: Status.TLS_CA,
  CERT_SIGNATURE_FAILURE: Status.TLS_CA,
  CERT_CHAIN_TOO_LONG: Status.TLS_CA,
  CERT_UNTRUSTED: Status.TLS_CA,
  CERT_REJECTED: Status.TLS_CA,
  INVALID_CA: Status.TLS_CA,
  INVALID_PURPOSE: Status.TLS_CA,
  PATH_LENGTH_EXCEEDED: Status.TLS_CA,
};

/** The server does not go by the name that it was asked for (RFC 6066, 3); the one alert that OpenSSL does not call one. */
const UNRECOGNIZED_NAME = /^ERR_SSL_.*UNRECOGNIZED_NAME$/;

/** OpenSSL 3.2 and later (Node 24) say `SSL/TLS` where older ones said `SSLV3`. */
const ALERT = /^ERR_SSL_(?:SSLV3|SSL\/TLS|TLSV1|TLSV13)_ALERT_(.+)$/;

/** The alerts by which a peer says that our certificate is missing or wrong (RFC 8446, 6.2). */
const CLIENT_REFUSALS: readonly string[] = [
  "NO_CERTIFICATE",
  "BAD_CERTIFICATE",
  "UNSUPPORTED_CERTIFICATE",
  "CERTIFICATE_REVOKED",
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_UNKNOWN",
  "CERTIFICATE_REQUIRED",
  "UNKNOWN_CA",
  "ACCESS_DENIED",
];

/** How far a connection came. */
export interface TlsProgress {
  /** The session's keys were made: the cloud's hello was fine, and our proof is on its way. */
  isKeyed: boolean;
  /** Our side of the handshake was done. */
  isSecure: boolean;
  /** Bytes of the cloud's came. */
  isHeard: boolean;
}

/**
 * Why a connection ended; undefined when TLS has nothing to say to it.
 * @param code of the socket's error as Node has it, such as `CERT_HAS_EXPIRED`; empty: it just ended
 */
export function tlsStatus(code: string, proof: TlsProof, progress: TlsProgress): Status | undefined {
  const { isKeyed, isSecure, isHeard } = progress;
  const fault = CERTIFICATE_FAULTS[code];
  const alert = ALERT.exec(code)?.[1];
  if (alert === "NO_APPLICATION_PROTOCOL") return Status.TLS_ALPN;
  if (UNRECOGNIZED_NAME.test(code)) return Status.TLS_NAME;
  if (proof === "psk") {
    return fault !== undefined || (!isSecure && alert !== undefined) ? Status.TLS_PSK_REFUSED : undefined;
  }
  if (fault !== undefined) return fault;
  if (alert !== undefined && CLIENT_REFUSALS.includes(alert)) return Status.TLS_CLIENT_REFUSED;
  // TLS 1.2 has no alert of its own for a certificate that is missing.
  if (isKeyed && alert === "HANDSHAKE_FAILURE") return Status.TLS_CLIENT_REFUSED;
  // Some hang up without an alert when they have read our certificate.
  const isSnubbed = isKeyed && !isHeard && proof === "certificate" && alert === undefined;
  return isSnubbed ? Status.TLS_CLIENT_REFUSED : undefined;
}
