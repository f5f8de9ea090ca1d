const CERTIFICATE_CODES = /CERT|ISSUER|SIGNATURE|CRL|^ERR_(?:SSL|TLS)/;

const BY_CODE: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate names another host; check the address",
  ERR_SSL_WRONG_VERSION_NUMBER: "it speaks no TLS on that port; check the port, or connect without TLS",
  EPROTO: "the TLS handshake fails; check that the port speaks TLS, and the certificate that it is shown",
};

/** Half a sentence about a TLS handshake that failed, by Node's code; null: it is none of TLS. */
export function tlsFailure(code: unknown): string | null {
  if (typeof code !== "string") return null;
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  if (!CERTIFICATE_CODES.test(code)) return null;
  return `the TLS handshake fails (${code}); check the CA file, and the certificate and key that it is shown`;
}
