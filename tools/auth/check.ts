/** Is a credential good? Its provider is asked. */
import type { Context } from "../cli/act.js";
import { Failure, type FailureCode } from "../cli/failure.js";
import { type Confirmed, confirm } from "../oidc/check.js";
import { CLIENT_ID } from "../oidc/client.js";
import { findProvider } from "../oidc/provider.js";
import type { Account } from "../store/account.js";
import type { Store } from "../store/store.js";
import { issuerOfGiven, withFreshToken } from "./ask.js";
import { advised, type Credential, tokenOf } from "./current.js";

/** What came of asking. */
export interface Verdict {
  /** Null: nobody could be asked. */
  readonly isGood: boolean | null;
  readonly confirmed: Confirmed | null;
  readonly issuer: string | null;
  /** The login as it is now; null for a token that was handed in. */
  readonly account: Account | null;
  /** Why it is not good, or could not be asked about. */
  readonly failure: Failure | null;
}

/** What says that a credential is not good. */
const NO: readonly FailureCode[] = ["token_expired", "login_ended", "invalid_token"];

/** Asks the provider about a credential; refreshes a login first where it can be. */
export async function checked(context: Context, store: Store, credential: Credential): Promise<Verdict> {
  const known = credential.source === "login" ? credential.account : null;
  try {
    const { issuer, account, confirmed } =
      credential.source === "login"
        ? await checkLogin(context, store, credential.account)
        : await checkGiven(context, store, credential);
    const failure = confirmed === null ? cannotCheck(issuer) : null;
    return { isGood: confirmed === null ? null : true, confirmed, issuer, account, failure };
  } catch (failure) {
    if (!(failure instanceof Failure) || /^(storage|key)/.test(failure.code)) throw failure;
    const isGood = NO.includes(failure.code) ? false : null;
    return {
      isGood,
      confirmed: null,
      issuer: known?.issuer ?? null,
      account: known,
      failure: advised(failure, credential),
    };
  }
}

const cannotCheck = (issuer: string): Failure =>
  new Failure("not_supported", `${issuer} has no way to check this token.`, "Use it where it is meant for.");

interface Checked {
  readonly issuer: string;
  readonly account: Account | null;
  readonly confirmed: Confirmed | null;
}

async function checkLogin(context: Context, store: Store, known: Account): Promise<Checked> {
  const { provider, account, answer } = await withFreshToken(context, store, known, (at, login, canRenew) =>
    confirm(at, {
      token: tokenOf(login),
      // A workload's token is often the one of a client that the provider has for it.
      isOurs: login.method !== "token" && login.method !== "workload",
      canRenew,
      nowMs: context.system.now(),
    }),
  );
  return { issuer: provider.issuer, account, confirmed: answer };
}

async function checkGiven(
  context: Context,
  store: Store,
  given: Exclude<Credential, { source: "login" }>,
): Promise<Checked> {
  const { system } = context;
  const { token } = given;
  const issuer = await issuerOfGiven(context, store, given);
  const provider = await findProvider(issuer, { clientId: CLIENT_ID }, system);
  const question = { token, isOurs: false, canRenew: false, nowMs: system.now() };
  return { issuer: provider.issuer, account: null, confirmed: await confirm(provider, question) };
}
