/** The grants that need nobody: one question to the token endpoint each. */
import * as oidc from "openid-client";
import { Failure } from "../cli/failure.js";
import { asking, isAway, isPlainNo, oauthError, wordsOf } from "./failure.js";
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
      if (oauthError(failure) !== "invalid_grant" && !isPlainNo(failure)) throw failure;
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
  more: Readonly<Record<string, string>> = {},
): Promise<Tokens> {
  needGrant(provider, GRANTS.client, "login of service accounts");
  const response = await asking(provider, () =>
    oidc.clientCredentialsGrant(provider.configuration, scope === undefined ? more : { ...more, scope }),
  );
  return tokensOf(response, now(), scope ?? "");
}

/** Types of tokens (RFC 8693 section 3). */
export const TOKEN_TYPES = {
  access: "urn:ietf:params:oauth:token-type:access_token",
  jwt: "urn:ietf:params:oauth:token-type:jwt",
} as const;

/** By another token (RFC 8693 section 2.1). */
export async function exchanged(
  provider: Provider,
  subject: { readonly token: string; readonly type: keyof typeof TOKEN_TYPES },
  more: { readonly audience?: string; readonly scope?: string },
  now: () => number,
): Promise<Tokens> {
  needGrant(provider, GRANTS.exchange, "token exchange");
  const parameters = {
    subject_token: subject.token,
    subject_token_type: TOKEN_TYPES[subject.type],
    requested_token_type: TOKEN_TYPES.access,
    ...more,
  };
  const response = await asking(provider, () =>
    oidc.genericGrantRequest(provider.configuration, GRANTS.exchange, parameters),
  );
  return tokensOf(response, now(), more.scope ?? "");
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
  more: Readonly<Record<string, string>> = {},
): Promise<Tokens | null> {
  provider.requests.takeGrant();
  return asking(provider, async () => {
    try {
      const parameters = scope === undefined ? more : { ...more, scope };
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

/**
 * As a workload, by the token that its platform gave it (RFC 8693).
 * @throws Failure `invalid_credentials` where the provider refuses that token (section 2.2.2: `invalid_request`)
 */
export async function logInAsWorkload(
  provider: Provider,
  token: string,
  scope: string | undefined,
  now: () => number,
): Promise<Tokens> {
  const more = scope === undefined ? {} : { scope };
  return exchanged(provider, { token, type: "jwt" }, more, now).catch((failure) => {
    const error = failure instanceof Failure ? oauthError(failure.cause) : "";
    if (!["invalid_request", "invalid_grant"].includes(error)) throw failure;
    const said = wordsOf(failure.cause);
    throw new Failure(
      "invalid_credentials",
      `The provider does not take the workload's token (${said}).`,
      "Check its issuer, subject, audience and end, and which account of the provider trusts it.",
      { cause: failure },
    );
  });
}

/** The tokens of a login. */
export interface LoginTokens {
  readonly accessToken: string | null;
  readonly refreshToken: string | null;
  /** Refresh tokens that were rotated. */
  readonly earlier?: readonly string[];
  /** Access tokens for other audiences. */
  readonly audiences?: readonly { readonly accessToken: string }[];
}

/**
 * Ends the tokens of a login (RFC 7009), what renews it first.
 * @returns `all`; `renewal` where the access token alone may stay good; `nothing` where the provider ends no tokens
 * @throws Failure where a refresh token, or the only token, may still be good
 */
export async function endTokens(
  provider: Provider,
  { accessToken, refreshToken, earlier = [], audiences = [] }: LoginTokens,
): Promise<"all" | "renewal" | "nothing"> {
  const { configuration, metadata } = provider;
  if (metadata.revocation_endpoint === undefined) return "nothing";
  const end = (token: string, kind: string) =>
    asking(provider, () => oidc.tokenRevocation(configuration, token, { token_type_hint: kind }));
  if (refreshToken !== null) await end(refreshToken, "refresh_token");
  for (const token of earlier) {
    // One that ended with its successor is refused by some.
    await end(token, "refresh_token").catch((failure) => {
      if (isAway(failure)) throw failure;
    });
  }
  try {
    for (const one of audiences) await end(one.accessToken, "access_token");
    if (accessToken !== null) await end(accessToken, "access_token");
    return "all";
  } catch (failure) {
    // Providers whose access tokens are JWTs cannot end them (RFC 7009 section 2.2.1).
    const isUnsupported =
      failure instanceof Failure && oauthError(failure.cause) === "unsupported_token_type";
    if (refreshToken === null && !isUnsupported) throw failure;
    return "renewal";
  }
}
