/** Tokens for other audiences: got when they are asked for, kept beside the login's own, which they never replace. */
import type { Context } from "../cli/act.js";
import { usage } from "../cli/failure.js";
import { type System, variable } from "../cli/system.js";
import type { Heard, Means, Way } from "../oidc/audience.js";
import { CLIENT_ID } from "../oidc/client.js";
import type { Tokens } from "../oidc/tokens.js";
import { type Account, type AudienceToken, isSame } from "../store/account.js";
import type { Change, Store } from "../store/store.js";
import { type Credential, tokenOf } from "./current.js";
import { clientOf, earlierThan, freshAccount, isFreshToken } from "./renew.js";
import { endOfToken } from "./told.js";

const LENGTH_MAX = 2000;
/** So many are kept for one login; an older one is ended by the next logout. */
const KEPT_MAX = 20;

/** @throws Failure where it is none */
export function checkAudience(audience: string): void {
  if (audience.length <= LENGTH_MAX && /^[\x20-\x7e]+$/.test(audience)) return;
  throw usage(
    "--audience is no name of an API.",
    "Give its address, or the name that the provider has for it.",
  );
}

/** Of a login: the token that is kept, where it is good for a while, else a new one. */
export async function audienceToken(
  context: Context,
  store: Store,
  known: Account,
  audience: string,
): Promise<AudienceToken> {
  const nowMs = context.system.now();
  const fresh = (account: Account) => freshIn(account, audience, nowMs);
  const account = await freshAccount(context, store, known);
  const kept = fresh(account);
  if (kept !== undefined) return kept;
  return store.change(async (change) => {
    const current = change.accounts.find((other) => isSame(other, account)) ?? account;
    return fresh(current) ?? newToken(context, change, current, audience);
  });
}

/** One that is older than the login's own may be for another organization, or have been refused. */
function freshIn(account: Account, audience: string, nowMs: number): AudienceToken | undefined {
  if (account.ended || account.accessToken === null) return undefined;
  const isGood = (one: AudienceToken) =>
    one.audience === audience && one.issuedAtMs >= account.issuedAtMs && isFreshToken(one, nowMs);
  return account.audiences.findLast(isGood);
}

async function newToken(
  { system }: Context,
  change: Change,
  account: Account,
  audience: string,
): Promise<AudienceToken> {
  // Loaded here: a token that is still good needs none of the provider's part.
  const { findProvider } = await import("../oidc/provider.js");
  const { tokenFor } = await import("../oidc/audience.js");
  const provider = await findProvider(account.issuer, clientOf(system, account), system);
  const kept = new Kept(change, account, system.now());
  const means: Means = {
    subject: await subjectOf(system, account),
    refreshToken: account.refreshToken,
    isClient: account.method === "client",
  };
  const heard: Heard = (tokens, by) => kept.hear(tokens, by, audience);
  const tokens = await tokenFor(provider, audience, means, system.now, heard, (next) => kept.rotate(next));
  return kept.confirm(tokens, audience);
}

/** A workload's own token proves it to any audience; a login's access token does. */
async function subjectOf(system: System, account: Account): Promise<Means["subject"]> {
  const { workloadFile } = account.kept;
  if (account.method !== "workload" || workloadFile === undefined)
    return { token: tokenOf(account), type: "access" };
  const { readWorkloadToken } = await import("./workload.js");
  return { token: await readWorkloadToken(system, workloadFile), type: "jwt" };
}

/** Keeps all that is granted on the way, so that a logout ends it, and never in the place of the login's own token. */
class Kept {
  constructor(
    private readonly change: Change,
    private account: Account,
    private readonly nowMs: number,
  ) {}

  rotate(refreshToken: string): void {
    this.put({ refreshToken, earlier: earlierThan(refreshToken, this.account) });
  }

  /** A token response, not judged yet. */
  hear(tokens: Tokens, by: Way, audience: string): void {
    const { audiences } = this.account;
    const next = tokens.refreshToken;
    if (next !== null && by === "resource") this.rotate(next);
    // One that came by exchange is a grant of its own: nothing needs it.
    else if (next !== null) this.put({ earlier: [...this.account.earlier, next] });
    const live = audiences.filter(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > this.nowMs);
    for (const { accessToken } of live.slice(0, 1 - KEPT_MAX))
      this.change.putEnding({ ...this.account, accessToken, refreshToken: null, earlier: [], audiences: [] });
    const unjudged = { ...this.tokenIn(tokens, audience), issuedAtMs: 0 };
    this.put({ audiences: [...live.slice(1 - KEPT_MAX), unjudged] });
  }

  /** The token is for the audience. */
  confirm(tokens: Tokens, audience: string): AudienceToken {
    const token = this.tokenIn(tokens, audience);
    const audiences = this.account.audiences.map((one) =>
      one.accessToken === token.accessToken ? token : one,
    );
    this.put({ audiences });
    return token;
  }

  private tokenIn({ accessToken, issuedAtMs, expiresAtMs }: Tokens, audience: string): AudienceToken {
    return {
      audience,
      accessToken,
      issuedAtMs,
      expiresAtMs: expiresAtMs ?? endOfToken(accessToken) ?? this.account.expiresAtMs,
    };
  }

  private put(next: Partial<Account>): void {
    this.account = { ...this.account, ...next };
    this.change.put(this.account);
  }
}

/** A server refused this token: the next that is asked for is a new one. @returns whether it was one for an audience */
export async function refuseAudienceToken(store: Store, account: Account, refused: string): Promise<boolean> {
  const isIt = ({ accessToken }: AudienceToken) => accessToken === refused;
  if (!account.audiences.some(isIt)) return false;
  await store.change((change) => {
    const current = change.accounts.find((other) => isSame(other, account));
    if (current === undefined) return;
    const audiences = current.audiences.map((one) => (isIt(one) ? { ...one, issuedAtMs: 0 } : one));
    change.put({ ...current, audiences });
  });
  return true;
}

/** Of a token that was handed in, which is never written down, and neither is this one. */
export async function audienceTokenOfGiven(
  context: Context,
  store: Store,
  given: Exclude<Credential, { source: "login" }>,
  audience: string,
): Promise<AudienceToken> {
  const { system } = context;
  const { findProvider } = await import("../oidc/provider.js");
  const { tokenFor } = await import("../oidc/audience.js");
  const { issuerOfGiven } = await import("./ask.js");
  const issuer = await issuerOfGiven(context, store, given);
  const clientId = variable(system, "MOTEKEY_CLIENT_ID") ?? CLIENT_ID;
  const provider = await findProvider(issuer, clientOf(system, { clientId, issuer, kept: {} }), system);
  const subject = { token: given.token, type: "access" } as const;
  const means = { subject, refreshToken: null, isClient: false };
  const nothing = () => undefined;
  const tokens = await tokenFor(provider, audience, means, system.now, nothing, nothing);
  const { accessToken, issuedAtMs, expiresAtMs } = tokens;
  return { audience, accessToken, issuedAtMs, expiresAtMs: expiresAtMs ?? endOfToken(accessToken) };
}
