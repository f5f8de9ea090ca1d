/** How accounts and times are worded. */
import { claimsOf } from "../cli/jwt.js";
import { TIME_MS_MAX } from "../store/account.js";

/** ISO 8601 to the second, as in JSON answers; null: not known. */
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** A time for people, in UTC so that it compares with JSON and with servers' logs. */
export function plainTime(ms: number | null): string {
  return ms === null
    ? "unknown"
    : new Date(ms)
        .toISOString()
        .replace(/\.\d+Z$/, " UTC")
        .replace("T", " ");
}

/**
 * Milliseconds of a JWT's `exp` (RFC 7519 section 4.1.4), unverified, at most the last that a date can hold; null where
 * there is none.
 */
export function endOfToken(token: string): number | null {
  const { exp } = claimsOf(token);
  return typeof exp === "number" && exp >= 0 ? Math.min(exp * 1000, TIME_MS_MAX) : null;
}

/** A JWT's `iss` (RFC 7519 section 4.1.1), unverified; null where there is none. */
export function issuerOfToken(token: string): string | null {
  const { iss } = claimsOf(token);
  return typeof iss === "string" ? iss : null;
}

/** Does the token look like a JWT (RFC 7519): claims that anybody can read? */
export const isJwt = (token: string): boolean => Object.keys(claimsOf(token)).length > 0;
