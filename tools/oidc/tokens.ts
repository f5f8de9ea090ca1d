import type { IDToken, TokenEndpointResponse, TokenEndpointResponseHelpers } from "openid-client";
import { printable } from "../cli/failure.js";

/** What a grant gives. Times are unix milliseconds; null: not told. */
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
 */
export function tokensOf(
  response: TokenEndpointResponse & TokenEndpointResponseHelpers,
  nowMs: number,
  askedScope: string,
): Tokens {
  const seconds = response.expiresIn();
  // Not in a standard; Keycloak and others tell it.
  const refreshSeconds = response.refresh_expires_in ?? response.refresh_token_expires_in;
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token ?? null,
    issuedAtMs: nowMs,
    expiresAtMs: seconds === undefined ? null : nowMs + seconds * 1000,
    refreshExpiresAtMs: typeof refreshSeconds === "number" ? nowMs + refreshSeconds * 1000 : null,
    scope: printable(response.scope ?? askedScope),
    claims: response.claims() ?? null,
  };
}
