/** The end of logins: what the provider is asked to end, and what stays good all the same. */
import type { Context } from "../cli/act.js";
import { Failure } from "../cli/failure.js";
import { endTokens } from "../oidc/grants.js";
import { findProvider } from "../oidc/provider.js";
import type { Account } from "../store/account.js";
import type { Change, Store } from "../store/store.js";
import { clientOf, EARLIER_MAX } from "./renew.js";
import { endOfToken, isJwt, plainTime } from "./told.js";

/** What became of the tokens of a login. */
export interface Ended {
  /** Why the login may still be good; null: nothing renews it any more. */
  readonly failure: string | null;
  /** An access token that stays good, and until when: unix ms, or null where its end is not known. */
  readonly left: { readonly untilMs: number | null } | null;
  /** More refresh tokens were rotated than are remembered: the provider may have left the others good. */
  readonly isPartial: boolean;
}

/** Asks the provider to end all tokens of a login. */
export async function endAtProvider({ system }: Context, account: Account): Promise<Ended> {
  const isPartial = account.earlier.length >= EARLIER_MAX;
  try {
    const provider = await findProvider(account.issuer, clientOf(system, account), system);
    const reach = await endTokens(provider, account);
    const left = reach === "all" ? leftBy(account, system.now(), isJwt) : leftBy(account, system.now());
    return {
      failure: reach === "nothing" ? `${provider.issuer} ends no tokens on request` : null,
      left,
      isPartial,
    };
  } catch (failure) {
    if (failure instanceof Failure)
      return { failure: failure.message, left: leftBy(account, system.now()), isPartial };
    throw failure;
  }
}

/** An access token that is not over. A JWT is good for whoever checks its signature only, whatever the provider says. */
function leftBy(
  { accessToken, expiresAtMs, audiences }: Account,
  nowMs: number,
  isKind: (token: string) => boolean = () => true,
): Ended["left"] {
  const own = accessToken === null ? [] : [{ accessToken, expiresAtMs }];
  const ends = [...own, ...audiences]
    .filter((one) => isKind(one.accessToken))
    .map((one) => one.expiresAtMs ?? endOfToken(one.accessToken))
    .filter((untilMs) => untilMs === null || untilMs > nowMs);
  if (ends.length === 0) return null;
  return { untilMs: ends.includes(null) ? null : Math.max(...(ends as number[])) };
}

/** What stays good, in words; null: nothing. */
export function leftInWords({ left, isPartial }: Ended): string | null {
  const words: string[] = [];
  if (left !== null) {
    const end = left.untilMs === null ? "; its end is not known" : ` until ${plainTime(left.untilMs)}`;
    words.push(`the access token stays good${end}`);
  }
  if (isPartial)
    words.push(`refresh tokens before the last ${EARLIER_MAX} may stay good, if it lets old ones`);
  return words.length === 0 ? null : words.join("; ");
}

/** Has anything of the login to end at the provider? */
export function hasTokens({ accessToken, refreshToken, earlier, audiences }: Account): boolean {
  return accessToken !== null || refreshToken !== null || earlier.length + audiences.length > 0;
}

/**
 * Puts a login aside, so that its tokens are ended though this process dies or the provider is away.
 * @param next the login in its place, whose tokens stay
 * @returns what was put aside; null: nothing
 */
export function putAside(change: Change, account: Account, next: Account | null): Account | null {
  const unless = (token: string | null, other: string | null | undefined) => (token === other ? null : token);
  const aside = {
    ...account,
    accessToken: unless(account.accessToken, next?.accessToken),
    refreshToken: unless(account.refreshToken, next?.refreshToken),
    kept: { clientSecret: account.kept.clientSecret, keyFile: account.kept.keyFile },
  };
  if (!hasTokens(aside)) return null;
  change.putEnding(aside);
  return aside;
}

/** Ends what was put aside. @param forget also where the provider could not end it */
export async function endAside(
  context: Context,
  store: Store,
  aside: Account,
  forget = false,
): Promise<Ended> {
  const ended = await endAtProvider(context, aside);
  if (ended.failure === null || forget) await store.change((change) => change.removeEnding(aside));
  return ended;
}
