/** Access tokens for another audience: by token exchange (RFC 8693), else by a resource indicator (RFC 8707). */
import * as oidc from "openid-client";
import { Failure, printable } from "../cli/failure.js";
import { claimsOf } from "../cli/jwt.js";
import { isSameIssuer } from "../cli/settings.js";
import { asking, oauthError } from "./failure.js";
import { exchanged, logInAsClient, refreshed, type TOKEN_TYPES } from "./grants.js";
import { GRANTS, knows, type Provider } from "./provider.js";
import type { Tokens } from "./tokens.js";

/** What there is to ask with. */
export interface Means {
  /** What is exchanged: the login's own access token, or a workload's JWT. */
  readonly subject: { readonly token: string; readonly type: keyof typeof TOKEN_TYPES };
  readonly refreshToken: string | null;
  /** The client may ask in its own name (RFC 6749 section 4.4). */
  readonly isClient: boolean;
}

/** How a token came: RFC 8693, or RFC 8707. */
export type Way = "exchange" | "resource";

/** Called with every token response that came, before it is judged: what was granted must not get lost. */
export type Heard = (tokens: Tokens, by: Way) => void;

/**
 * A token for the audience.
 * @param rotated called with the next refresh token where the rest of the answer is refused
 * @throws Failure `not_supported` where the provider has no way to give one
 */
export async function tokenFor(
  provider: Provider,
  audience: string,
  means: Means,
  now: () => number,
  heard: Heard,
  rotated: (refreshToken: string) => void,
): Promise<Tokens> {
  let refused: Failure | null = null;
  if (knows(provider, GRANTS.exchange)) {
    try {
      const tokens = await exchanged(provider, means.subject, { audience }, now);
      heard(tokens, "exchange");
      return await taken(provider, audience, tokens);
    } catch (failure) {
      if (!isNotAllowed(failure)) throw failure;
      refused = failure;
    }
  }
  const why = refused === null ? "it has no token exchange" : "it allows this client no token exchange";
  if (!isResource(audience)) throw none(provider, audience, `${why}, and resources are addresses`, refused);
  const tokens = await forResource(provider, audience, means, now, rotated);
  if (tokens === null) throw none(provider, audience, `${why}, and the login has no refresh token`, refused);
  heard(tokens, "resource");
  return taken(provider, audience, tokens, `${why}, and takes no resource (RFC 8707)`);
}

/** This client may not use the grant. */
function isNotAllowed(failure: unknown): failure is Failure {
  const error = failure instanceof Failure ? oauthError(failure.cause) : "";
  return error === "unauthorized_client" || error === "unsupported_grant_type";
}

/** An absolute address without a fragment (RFC 8707 section 2). */
const isResource = (audience: string): boolean =>
  /^[a-z][a-z\d+.-]*:/i.test(audience) && URL.canParse(audience) && !audience.includes("#");

/** Null: nothing can ask. */
async function forResource(
  provider: Provider,
  resource: string,
  { refreshToken, isClient }: Means,
  now: () => number,
  rotated: (refreshToken: string) => void,
): Promise<Tokens | null> {
  if (refreshToken === null) {
    return isClient ? logInAsClient(provider, undefined, now, { resource }) : null;
  }
  const tokens = await refreshed(provider, refreshToken, undefined, now, rotated, { resource }).catch(
    (failure) => {
      throw failure instanceof Failure ? perhapsUsedUp(failure) : failure;
    },
  );
  if (tokens !== null) return tokens;
  throw new Failure(
    "login_ended",
    "The provider ended this login: it takes the refresh token no more.",
    "Run 'motekey auth login'.",
  );
}

/** Some rotate the refresh token before they look at the resource, as oidc-provider does, and disclose the next one to nobody. */
function perhapsUsedUp(failure: Failure): Failure {
  if (oauthError(failure.cause) === "") return failure;
  const next =
    "Check --audience. The provider may have used up the refresh token over it: if 'motekey auth refresh' fails, log in again.";
  return new Failure(failure.code, failure.message, next, { cause: failure.cause });
}

/**
 * The token, where it is for the audience.
 * @param otherwise what it says of a provider whose token is not, or not to be known, for it: one that does not know
 *   the parameter ignores it (RFC 6749 section 3.2), and an ordinary token must not pass for another
 */
async function taken(
  provider: Provider,
  audience: string,
  tokens: Tokens,
  otherwise?: string,
): Promise<Tokens> {
  const isFor = await isForAudience(provider, tokens.accessToken, audience);
  if (isFor ?? otherwise === undefined) return tokens;
  throw none(provider, audience, otherwise ?? "its answer is a token for another audience");
}

/** Is the token for this audience, by its claims or by introspection (RFC 7662)? Null: nothing says. */
async function isForAudience(provider: Provider, token: string, audience: string): Promise<boolean | null> {
  const aud = claimsOf(token).aud ?? (await introspectedAudience(provider, token));
  const names = (Array.isArray(aud) ? aud : [aud]).filter((name) => typeof name === "string");
  return names.length === 0 ? null : names.some((name) => isSameIssuer(name, audience));
}

async function introspectedAudience(provider: Provider, token: string): Promise<unknown> {
  if (provider.metadata.introspection_endpoint === undefined) return undefined;
  try {
    return (await asking(provider, () => oidc.tokenIntrospection(provider.configuration, token))).aud;
  } catch (failure) {
    // Not for this client to ask about.
    if (failure instanceof Failure) return undefined;
    throw failure;
  }
}

function none(provider: Provider, audience: string, why: string, cause?: unknown): Failure {
  return new Failure(
    "not_supported",
    `${provider.issuer} gives no token for ${printable(audience, 200)}: ${why}.`,
    "Ask the people who run it which audiences this client may have, and how.",
    { cause },
  );
}
