/** What a provider says of an access token, by what it has for that. */
import { createLocalJWKSet, type JSONWebKeySet, errors as jose, jwtVerify } from "jose";
import * as oidc from "openid-client";
import { Failure } from "../cli/failure.js";
import { claimsOf } from "../cli/jwt.js";
import { isSameIssuer } from "../cli/settings.js";
import { asking, isAway, isRefusedToken, refusedToken } from "./failure.js";
import { askPerson, type Person } from "./person.js";
import { CLOCK_TOLERANCE_SECONDS, type Provider } from "./provider.js";

/** How a token was checked. */
export type Means = "introspection" | "userinfo" | "signature";

/** The provider takes the token. */
export interface Confirmed {
  readonly by: Means;
  readonly person: Person | null;
}

/** What is asked about. */
export interface Question {
  readonly token: string;
  /** It was granted to this client: another's may be hidden from it (RFC 7662 section 4). */
  readonly isOurs: boolean;
  /** Another token can be had: what user info refuses may have ended. */
  readonly canRenew: boolean;
  readonly nowMs: number;
}

/**
 * Asks by introspection (RFC 7662), else by user info, else checks the signature by the provider's keys.
 * @returns null where the provider has none of them for this token
 * @throws Failure `invalid_token`, or the library's error (see `isRefusedToken`), when the provider refuses it
 */
export async function confirm(provider: Provider, question: Question): Promise<Confirmed | null> {
  const { token, isOurs, canRenew, nowMs } = question;
  const isActive = await introspected(provider, token);
  if (isActive === true)
    return { by: "introspection", person: isOurs ? null : await personIfAny(provider, token) };
  if (isActive === false && isOurs) throw refusedToken();
  try {
    const person = await asking(provider, () => askPerson(provider, token));
    if (person !== null) return { by: "userinfo", person };
  } catch (failure) {
    // User info refuses a token that is bound to another audience (RFC 8707), good as it is.
    if (!isRefusedToken(failure) || canRenew || !isForOthers(provider, token)) throw failure;
  }
  if (isActive === false) throw refusedToken();
  const isSigned = await signed(provider, token, nowMs);
  if (isSigned === false) throw refusedToken();
  return isSigned === null ? null : { by: "signature", person: null };
}

/** Null: the provider has no introspection for this client and this token. */
async function introspected(provider: Provider, token: string): Promise<boolean | null> {
  if (provider.metadata.introspection_endpoint === undefined) return null;
  try {
    const hint = { token_type_hint: "access_token" };
    return (await asking(provider, () => oidc.tokenIntrospection(provider.configuration, token, hint)))
      .active;
  } catch (failure) {
    if (!(failure instanceof Failure) || isAway(failure)) throw failure;
    return null;
  }
}

async function personIfAny(provider: Provider, token: string): Promise<Person | null> {
  try {
    return await asking(provider, () => askPerson(provider, token));
  } catch (failure) {
    if (failure instanceof Failure) return null;
    throw failure;
  }
}

/** Is the token a JWT for others than the provider itself? */
export function isForOthers({ issuer, metadata }: Provider, token: string): boolean {
  const { aud } = claimsOf(token);
  const audiences = (Array.isArray(aud) ? aud : [aud]).filter((name) => typeof name === "string");
  const ours = (name: string) => isSameIssuer(name, issuer) || name === metadata.userinfo_endpoint;
  return audiences.length > 0 && !audiences.some(ours);
}

/** Is it a JWT of this issuer, signed by one of its keys and not over? Null: it is no JWT, or there are no keys. */
async function signed(provider: Provider, token: string, nowMs: number): Promise<boolean | null> {
  const { jwks_uri } = provider.metadata;
  if (jwks_uri === undefined || Object.keys(claimsOf(token)).length === 0) return null;
  const request = { method: "GET", headers: {}, body: undefined, redirect: "manual" as const };
  const answer = await asking(provider, () => provider.requests.fetch(jwks_uri, request));
  const keys = (await answer.json().catch(() => null)) as JSONWebKeySet | null;
  if (!Array.isArray(keys?.keys)) return null;
  try {
    await jwtVerify(token, createLocalJWKSet(keys), {
      issuer: provider.issuer,
      currentDate: new Date(nowMs),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    });
    return true;
  } catch (failure) {
    if (failure instanceof jose.JOSEError) return false;
    throw failure;
  }
}
