/** Questions to the provider about a credential; a refused token is refreshed once. */
import type { Context } from "../cli/act.js";
import { Failure, printable } from "../cli/failure.js";
import { isSameIssuer } from "../cli/settings.js";
import { variable } from "../cli/system.js";
import { isForOthers } from "../oidc/check.js";
import { CLIENT_ID } from "../oidc/client.js";
import { asking, isRefusedToken } from "../oidc/failure.js";
import { askPerson, type Person } from "../oidc/person.js";
import { findProvider, type Provider } from "../oidc/provider.js";
import type { Account } from "../store/account.js";
import type { Store } from "../store/store.js";
import { advised, type Credential, chosenTeam, issuerOf, readLogins, tokenOf } from "./current.js";
import { clientOf, endRefused, freshAccount, isRefreshable } from "./renew.js";
import { issuerOfToken } from "./told.js";

/** What the provider said, and the credential as it is now. */
export interface Answer {
  readonly provider: Provider;
  /** Null: the provider says nothing about this token. */
  readonly person: Person | null;
  /** Null for a token that was handed in. */
  readonly account: Account | null;
}

/**
 * Asks whose token it is.
 * @throws Failure `invalid_token` when the provider refuses it
 */
export async function askAbout(context: Context, store: Store, credential: Credential): Promise<Answer> {
  if (credential.source !== "login") {
    const issuer = await issuerOfGiven(context, store, credential);
    const provider = await findProvider(issuer, { clientId: CLIENT_ID }, context.system);
    const person = await asking(provider, () => askPerson(provider, credential.token)).catch((failure) => {
      throw advised(failure, credential);
    });
    return { provider, person, account: null };
  }
  const talk = async (provider: Provider, account: Account, canRenew: boolean) => {
    try {
      return await askPerson(provider, tokenOf(account));
    } catch (failure) {
      // User info has no ear for a token that is bound to another audience (RFC 8707).
      if (isRefusedToken(failure) && !canRenew && isForOthers(provider, tokenOf(account))) return null;
      throw failure;
    }
  };
  const { provider, account, answer } = await withFreshToken(context, store, credential.account, talk);
  return { provider, account, person: answer };
}

/**
 * Talks about a login with a fresh token. One that is refused is refreshed once; when that is refused too, the login
 * is marked as ended.
 * @param talk hears whether another token can be had
 * @throws Failure `login_ended` or `token_expired` when the login is over
 */
export async function withFreshToken<T>(
  context: Context,
  store: Store,
  known: Account,
  talk: (provider: Provider, account: Account, canRenew: boolean) => Promise<T>,
): Promise<{ readonly provider: Provider; readonly account: Account; readonly answer: T }> {
  const account = await freshAccount(context, store, known);
  const provider = await findProvider(account.issuer, clientOf(context.system, account), context.system);
  const refusable = async <U>(work: () => Promise<U>): Promise<U | null> => {
    try {
      return await work();
    } catch (failure) {
      if (!isRefusedToken(failure)) throw failure;
      return null;
    }
  };
  return asking(provider, async () => {
    const canRenew = isRefreshable(context.system, account);
    const first = await refusable(async () => ({ answer: await talk(provider, account, canRenew) }));
    if (first !== null) return { provider, account, ...first };
    const again = await freshAccount(context, store, account, { refused: true });
    const second = await refusable(async () => ({ answer: await talk(provider, again, false) }));
    if (second !== null) return { provider, account: again, ...second };
    throw await endRefused(store, again);
  });
}

/** A token that was handed in goes to the provider that was named for it, or that it names itself: no team's can stand in. */
export async function issuerOfGiven(
  context: Context,
  store: Store,
  { source, token }: Exclude<Credential, { source: "login" }>,
): Promise<string> {
  const { issuer: named } = context.settings;
  const theirs = variable(context.system, "MOTEKEY_ISSUER");
  if (
    source === "MOTEKEY_AUTH_TOKEN" &&
    named !== null &&
    theirs !== undefined &&
    !isSameIssuer(theirs, named.value)
  ) {
    throw new Failure(
      "invalid_token",
      `MOTEKEY_AUTH_TOKEN is for the issuer in MOTEKEY_ISSUER, and is not sent to ${named.value}.`,
      "Unset one of them, or leave --issuer out.",
    );
  }
  if (named !== null) return madeBy(named.value, token);
  const logins = await readLogins(store, context);
  const issuer = issuerOf(context, logins, chosenTeam(context, logins)?.value ?? null).value;
  if (issuerOfToken(token) !== null) return madeBy(issuer, token);
  throw new Failure(
    "issuer_missing",
    "Nothing names the identity provider of the token.",
    "Give --issuer URL, or set MOTEKEY_ISSUER.",
  );
}

/**
 * The issuer, where the token may be its own.
 * @throws Failure where the token says that another one made it
 */
export function madeBy(issuer: string, token: string): string {
  const maker = issuerOfToken(token);
  if (maker === null || isSameIssuer(maker, issuer)) return issuer;
  throw new Failure(
    "invalid_token",
    `The token was made by ${printable(maker, 200)}, and is not sent to ${issuer}.`,
    "Give --issuer, or set MOTEKEY_ISSUER, to the provider of the token.",
  );
}
