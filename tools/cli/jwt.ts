/** What anybody can read in a token. */

/** The claims of a JWT (RFC 7519), unverified; empty for a token that is none. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) ?? {};
  } catch {
    return {};
  }
}
