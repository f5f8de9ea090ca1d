import type { IDToken, TokenEndpointResponse, TokenEndpointResponseHelpers } from "openid-client";
import { Failure, printable } from "../cli/failure.js";

/** What a grant gives. Times are unix milliseconds; null: not given. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number | null;
  readonly refreshExpiresAtMs: number | null;
  readonly scope: string;
  /** The verified claims of the ID token; null where there was none. */
  readonly claims: IDToken | null;
}

/**
 * Reads a token response (RFC 6749 section 5.1).
 * @param nowMs when it came
 * @param askedScope what was granted unless the answer says otherwise
 * @throws Failure `issuer_invalid` for an access token that no HTTP header can hold (appendix A.12: VSCHAR)
 */
export function tokensOf(
  response: TokenEndpointResponse & TokenEndpointResponseHelpers,
  nowMs: number,
  askedScope: string,
): Tokens {
  if (!/^[\x20-\x7e]+$/.test(response.access_token)) {
    throw new Failure(
      "issuer_invalid",
      "The provider's access token has a character that no HTTP header can hold.",
      "Ask the people who run the provider.",
    );
  }
  // Not in a standard; Keycloak and others send it, and Keycloak's 0 means never.
  const refreshSeconds = response.refresh_expires_in ?? response.refresh_token_expires_in;
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token ?? null,
    issuedAtMs: nowMs,
    expiresAtMs: endOf(nowMs, response.expires_in),
    refreshExpiresAtMs: refreshSeconds === 0 ? null : endOf(nowMs, refreshSeconds),
    scope: printable(response.scope ?? askedScope),
    claims: response.claims() ?? null,
  };
}

/** Thirty years: what is said to live longer than any computer here is kept as that. */
const LIFETIME_SECONDS_MAX = 30 * 365 * 24 * 60 * 60;

/** Null for what is no number: a lifetime that is not given. */
function endOf(nowMs: number, seconds: unknown): number | null {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return null;
  return nowMs + Math.min(Math.max(seconds, 0), LIFETIME_SECONDS_MAX) * 1000;
}
