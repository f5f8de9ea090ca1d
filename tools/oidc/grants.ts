/** The grants that need nobody: one question to the token endpoint each. */
import * as oidc from "openid-client";
import { Failure } from "../cli/failure.js";
import { asking, oauthError } from "./failure.js";
import { GRANTS, needGrant, type Provider } from "./provider.js";
import { type Tokens, tokensOf } from "./tokens.js";

/** With a user's name and password (RFC 6749 section 4.3). */
export async function logInByPassword(
  provider: Provider,
  user: { readonly username: string; readonly password: string },
  scope: string,
  now: () => number,
): Promise<Tokens> {
  needGrant(provider, GRANTS.password, "login by password");
  const parameters = { username: user.username, password: user.password, scope };
  const response = await asking(provider, async () => {
    try {
      return await oidc.genericGrantRequest(provider.configuration, GRANTS.password, parameters);
    } catch (failure) {
      if (oauthError(failure) !== "invalid_grant") throw failure;
      const next = "Try again; 'motekey auth login --clear' forgets what is kept.";
      throw new Failure("invalid_credentials", "Invalid user name or password.", next, { cause: failure });
    }
  });
  return tokensOf(response, now(), scope);
}

/** As a service account (RFC 6749 section 4.4). */
export async function logInAsClient(
  provider: Provider,
  scope: string | undefined,
  now: () => number,
): Promise<Tokens> {
  needGrant(provider, GRANTS.client, "login of service accounts");
  const response = await asking(provider, () =>
    oidc.clientCredentialsGrant(provider.configuration, scope === undefined ? {} : { scope }),
  );
  return tokensOf(response, now(), scope ?? "");
}

/**
 * With a refresh token (RFC 6749 section 6).
 * @param rotated called with the next refresh token where the rest of the answer is refused: the old one is over
 * @returns null when the provider says that the login is over
 */
export async function refreshed(
  provider: Provider,
  refreshToken: string,
  scope: string | undefined,
  now: () => number,
  rotated: (refreshToken: string) => void,
): Promise<Tokens | null> {
  provider.requests.takeGrant();
  return asking(provider, async () => {
    try {
      const parameters = scope === undefined ? {} : { scope };
      const response = await oidc.refreshTokenGrant(provider.configuration, refreshToken, parameters);
      return tokensOf(response, now(), scope ?? "");
    } catch (failure) {
      if (oauthError(failure) === "invalid_grant") return null;
      const next = provider.requests.takeGrant()?.refreshToken ?? null;
      if (next !== null) rotated(next);
      throw failure;
    }
  });
}

/** The tokens of a login. */
export interface TokenPair {
  readonly accessToken: string | null;
  readonly refreshToken: string | null;
}

/**
 * Ends the tokens of a login (RFC 7009).
 * @returns false where the provider ends no tokens
 */
export async function endTokens(
  provider: Provider,
  { accessToken, refreshToken }: TokenPair,
): Promise<boolean> {
  const { configuration, metadata } = provider;
  if (metadata.revocation_endpoint === undefined) return false;
  const end = (token: string, kind: string) =>
    asking(provider, () => oidc.tokenRevocation(configuration, token, { token_type_hint: kind }));
  if (refreshToken !== null) await end(refreshToken, "refresh_token");
  if (accessToken !== null) {
    // Providers whose access tokens are JWTs cannot end them; without its refresh token the login is over soon.
    await end(accessToken, "access_token").catch((failure) => {
      if (refreshToken === null) throw failure;
    });
  }
  return true;
}
