/** openid-client, which shares no code with the identity's side, as the command line would use it. */
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import type { Identity } from "../../host-sim/cloud/identity/index.js";
import { Person } from "./people.js";

export const REDIRECT = "http://127.0.0.1:51234/callback";
export const SCOPE = "openid profile email organization offline_access";
export const ADA = { username: "ada", password: "correct horse", email: "ada@example.com", name: "Ada" };

/** What openid-client knows of the identity, as this client (the command line by default). */
export function discover(
  identity: Identity,
  clientId: string = identity.clientId,
  authentication: oidc.ClientAuth = oidc.None(),
): Promise<oidc.Configuration> {
  return oidc.discovery(new URL(identity.issuer), clientId, undefined, authentication, {
    execute: [oidc.allowInsecureRequests],
  });
}

/** One attempt at the authorization code grant with PKCE. */
export interface Attempt {
  url: URL;
  checks: { pkceCodeVerifier: string; expectedState: string; expectedNonce: string };
}

/** The address to open, and what the answer is checked against. */
export async function attempt(
  client: oidc.Configuration,
  parameters: Record<string, string> = {},
): Promise<Attempt> {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const url = oidc.buildAuthorizationUrl(client, {
    redirect_uri: REDIRECT,
    scope: SCOPE,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...parameters,
  });
  return { url, checks };
}

/** A whole login by the pages. */
export async function logIn(
  client: oidc.Configuration,
  organization?: string,
): Promise<oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers> {
  const { url, checks } = await attempt(client);
  const person = new Person();
  const page = await person.allow(await person.open(url), ADA.username, ADA.password, organization);
  return oidc.authorizationCodeGrant(client, page.url, checks);
}

/** What the identity answers to a bearer token at `/me`. */
export function me(identity: Identity, token: string): Promise<Response> {
  return fetch(`${identity.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
}

/** Rejects, and one of the causes in a row says why. */
export async function rejectsFor(request: Promise<unknown>, why: RegExp): Promise<void> {
  await assert.rejects(request, (failure: Error) => {
    const said: string[] = [];
    for (let at: unknown = failure; at instanceof Error; at = at.cause) said.push(at.message);
    assert.match(said.join(": "), why);
    return true;
  });
}
