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

const ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_ALERT_(.+)$/;

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

/**
 * The status of a TLS error; undefined when it says nothing that the socket's own end does not.
 * @param code of the error as Node has it, such as `CERT_HAS_EXPIRED`
 * @param isSecure our side of the handshake was done
 */
export function tlsStatus(code: string | undefined, proof: TlsProof, isSecure: boolean): Status | undefined {
  if (code === undefined) return undefined;
  const fault = CERTIFICATE_FAULTS[code];
  const alert = ALERT.exec(code)?.[1];
  if (proof === "psk")
    return fault !== undefined || (!isSecure && alert !== undefined) ? Status.TLS_PSK_REFUSED : undefined;
  if (fault !== undefined) return fault;
  return alert !== undefined && CLIENT_REFUSALS.includes(alert) ? Status.TLS_CLIENT_REFUSED : undefined;
}
