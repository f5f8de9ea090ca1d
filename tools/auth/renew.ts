/** Fresh tokens: whoever needs one gets it under the store's lock, so that many processes make one refresh. */
import type { Context } from "../cli/act.js";
import { Failure } from "../cli/failure.js";
import { isSameIssuer } from "../cli/settings.js";
import { type System, variable } from "../cli/system.js";
import { CLIENT_ID, type Client } from "../oidc/client.js";
import type { Provider } from "../oidc/provider.js";
import type { Tokens } from "../oidc/tokens.js";
import { type Account, isSame } from "../store/account.js";
import type { Change, Store } from "../store/store.js";

/** A token this near its end is renewed: it must outlive the request it is for. */
const MARGIN_MS = 30_000;
/** Tokens that live for seconds only keep nine tenths of their life. */
const MARGIN_OF_LIFE = 0.1;

/** Why a good token is not good enough. */
export interface Need {
  /** The provider refused the token that the caller had. */
  readonly refused?: boolean;
  /** Somebody asked for a new one. */
  readonly asked?: boolean;
  readonly scope?: string | undefined;
}

/** Is the access token good for a while? */
export function isFresh(account: Account, nowMs: number): boolean {
  return account.accessToken !== null && !account.ended && isFreshToken(account, nowMs);
}

/** Is a token of these times good for a while? */
export function isFreshToken(
  { issuedAtMs, expiresAtMs }: Pick<Account, "issuedAtMs" | "expiresAtMs">,
  nowMs: number,
): boolean {
  if (expiresAtMs === null) return true;
  const lifeMs = expiresAtMs - issuedAtMs;
  return expiresAtMs - nowMs > Math.min(MARGIN_MS, lifeMs * MARGIN_OF_LIFE);
}

/** Has the access token ended? */
export function isOver(account: Account, nowMs: number): boolean {
  return account.accessToken === null || (account.expiresAtMs !== null && account.expiresAtMs <= nowMs);
}

/** Can a new access token be had without anybody's help? */
export function isRefreshable(system: System, account: Account): boolean {
  const { refreshToken, refreshExpiresAtMs, method } = account;
  if (account.ended) return false;
  if (isWorkload(account)) return true;
  if (refreshToken !== null) return refreshExpiresAtMs === null || refreshExpiresAtMs > system.now();
  const { clientSecret, keyFile } = clientOf(system, account);
  return method === "client" && (clientSecret !== undefined || keyFile !== undefined);
}

/** Has a platform put the token there that makes the next one? */
const isWorkload = ({ method, kept }: Account): boolean =>
  method === "workload" && kept.workloadFile !== undefined;

/**
 * What proves the client of an account. A secret that could not be kept may be in the environment: it belongs to the
 * issuer and the client that stand there beside it.
 */
export function clientOf(
  system: System,
  { clientId, issuer, kept }: Pick<Account, "clientId" | "issuer" | "kept">,
): Client {
  const { keyFile } = kept;
  const theirId = variable(system, "MOTEKEY_CLIENT_ID");
  const theirIssuer = variable(system, "MOTEKEY_ISSUER");
  const isNamed = theirId !== undefined || theirIssuer !== undefined;
  const isOurs =
    isNamed &&
    clientId !== CLIENT_ID &&
    clientId === (theirId ?? clientId) &&
    isSameIssuer(issuer, theirIssuer ?? issuer);
  const given = isOurs ? variable(system, "MOTEKEY_CLIENT_SECRET") : undefined;
  return {
    clientId,
    clientSecret: kept.clientSecret ?? (keyFile === undefined ? given : undefined),
    keyFile,
  };
}

/**
 * The account with an access token that is good for a while.
 * @throws Failure `token_expired` when the login is over, `login_ended` when the provider said so
 */
export async function freshAccount(
  context: Context,
  store: Store,
  account: Account,
  need: Need = {},
): Promise<Account> {
  const isGood = (known: Account): boolean => {
    const isNew = known.accessToken !== account.accessToken;
    return (
      isFresh(known, context.system.now()) && (isNew || !(need.refused ?? false)) && !(need.asked ?? false)
    );
  };
  if (isGood(account)) return account;
  return store.change(async (change) => {
    const current = change.accounts.find((known) => isSame(known, account));
    if (current === undefined || current.accessToken === null) throw over("somebody logged out meanwhile");
    if (current.ended) throw endedLogin(current, "it said so before");
    return isGood(current) ? current : renewed(context, store, change, current, need);
  });
}

async function renewed(
  { system }: Context,
  store: Store,
  change: Change,
  account: Account,
  need: Need,
): Promise<Account> {
  if (!isRefreshable(system, account)) {
    if (need.refused === true) throw markEnded(change, account, "it refuses the token");
    throw over("it has no refresh token, or that has ended too");
  }
  // Loaded here: a token that is still good needs none of the provider's part.
  const { isAway } = await import("../oidc/failure.js");
  const { findProvider } = await import("../oidc/provider.js");
  let tokens: Tokens | null;
  try {
    tokens = await newTokens(
      await findProvider(account.issuer, clientOf(system, account), system),
      account,
      need,
      system,
      (refreshToken) => change.put({ ...account, refreshToken, earlier: earlierThan(refreshToken, account) }),
    );
  } catch (failure) {
    // Nearly over is good enough when there is nothing better.
    const isEnough = !isOver(account, system.now()) && !(need.refused ?? false) && !(need.asked ?? false);
    if (isEnough && isAway(failure)) return account;
    const { clientSecret, keyFile } = account.kept;
    const isKept = clientSecret !== undefined || keyFile !== undefined;
    if (isKept && failure instanceof Failure && failure.code === "invalid_credentials")
      throw markEnded(change, account, "it refuses the client");
    throw failure;
  }
  if (tokens === null) return afterRefusal(store, change, account, system.now());
  const next = { ...account, ...kept(tokens, account) };
  change.put(next);
  return next;
}

async function newTokens(
  provider: Provider,
  account: Account,
  need: Need,
  system: System,
  rotated: (refreshToken: string) => void,
): Promise<Tokens | null> {
  const { logInAsClient, logInAsWorkload, refreshed } = await import("../oidc/grants.js");
  const { now } = system;
  const scope = need.scope ?? (account.scope === "" ? undefined : account.scope);
  if (isWorkload(account)) {
    const { readWorkloadToken } = await import("./workload.js");
    const token = await readWorkloadToken(system, account.kept.workloadFile as string);
    return logInAsWorkload(provider, token, scope, now);
  }
  if (account.refreshToken !== null)
    return refreshed(provider, account.refreshToken, need.scope, now, rotated);
  return logInAsClient(provider, scope, now);
}

/** Somebody who does not know our lock may have refreshed: their tokens are in the file then. */
async function afterRefusal(store: Store, change: Change, account: Account, nowMs: number): Promise<Account> {
  const { accounts } = await store.read();
  const theirs = accounts.find((known) => isSame(known, account));
  if (theirs !== undefined && theirs.refreshToken !== account.refreshToken && isFresh(theirs, nowMs)) {
    change.put(theirs);
    return theirs;
  }
  if (!isOver(account, nowMs)) throw markEnded(change, account, "it takes the refresh token no more");
  // Kept, so that a logout ends what it may still be good for.
  change.put({ ...account, refreshExpiresAtMs: nowMs });
  throw over("the provider takes its refresh token no more");
}

/** The provider said no: the next login is a new one, and a logout still ends what may be good. */
function markEnded(change: Change, account: Account, why: string): Failure {
  change.put({ ...account, ended: true });
  return endedLogin(account, why);
}

/** Marks the login as ended, unless it has another token by now. */
export function endRefused(store: Store, account: Account): Promise<Failure> {
  const why = "it refuses the token";
  return store.change((change) => {
    const current = change.accounts.find((known) => isSame(known, account));
    const isOld = current === undefined || current.accessToken !== account.accessToken;
    return isOld ? endedLogin(account, why) : markEnded(change, current, why);
  });
}

/** The failure of a login that the provider ended. */
export function endedLogin({ method, clientId, kept }: Account, why: string): Failure {
  let how = method === "client" ? ` --client-id ${clientId}' with its secret or key` : "'";
  if (method === "workload") how = ` --workload-token-file ${kept.workloadFile ?? "FILE"}'`;
  return new Failure(
    "login_ended",
    `The provider ended this login: ${why}.`,
    `Run 'motekey auth login${how}.`,
  );
}

/** The fields of an account that new tokens change. */
function kept(tokens: Tokens, account: Account): Partial<Account> {
  const { accessToken, issuedAtMs, expiresAtMs } = tokens;
  const isRotated = tokens.refreshToken !== null;
  return {
    accessToken,
    issuedAtMs,
    expiresAtMs,
    refreshToken: tokens.refreshToken ?? account.refreshToken,
    earlier: earlierThan(tokens.refreshToken, account),
    refreshExpiresAtMs: isRotated ? tokens.refreshExpiresAtMs : account.refreshExpiresAtMs,
    scope: tokens.scope === "" ? account.scope : tokens.scope,
  };
}

/** Rotated refresh tokens are remembered for the logout, the last of them: most providers end them all with the newest. */
export const EARLIER_MAX = 100;

/** @returns all that are over, in the order in which they came */
export function earlierThan(next: string | null, { refreshToken, earlier }: Account): string[] {
  const isRotated = next !== null && refreshToken !== null && next !== refreshToken;
  return isRotated ? [...earlier, refreshToken].slice(-EARLIER_MAX) : earlier;
}

function over(why: string): Failure {
  return new Failure(
    "token_expired",
    `The token has expired and cannot be refreshed: ${why}.`,
    "Run 'motekey auth login'.",
  );
}
