import type { Context } from "../../cli/act.js";
import { audienceToken, audienceTokenOfGiven, checkAudience } from "../audience.js";
import type { AudienceFlags } from "../audience-flag.js";
import { needCredential, openStore, tokenOf } from "../current.js";
import { freshAccount } from "../renew.js";
import { endOfToken, isoTime } from "../told.js";

/** An access token that is good for a while, and whose it is where that is known. */
export interface FreshToken {
  readonly token: string;
  readonly expiresAtMs: number | null;
  readonly account: string | null;
  readonly team: string | null;
}

/** Prints a fresh access token. */
export async function token(context: Context, { audience }: AudienceFlags): Promise<void> {
  const { token, expiresAtMs, account, team } = await freshToken(context, audience);
  context.output.print(
    { token, expires_at: isoTime(expiresAtMs), account, team, audience: audience ?? null },
    token,
  );
}

/**
 * A token that was handed in is taken as it is.
 * @param audience whom the token is for; where not given: whom the login's own is for
 */
export async function freshToken(context: Context, audience?: string): Promise<FreshToken> {
  if (audience !== undefined) checkAudience(audience);
  const store = openStore(context);
  const credential = await needCredential(context, store);
  if (credential.source !== "login") {
    const one =
      audience === undefined
        ? { accessToken: credential.token, expiresAtMs: endOfToken(credential.token) }
        : await audienceTokenOfGiven(context, store, credential, audience);
    const team = context.settings.team?.value ?? null;
    return { token: one.accessToken, expiresAtMs: one.expiresAtMs, account: null, team };
  }
  const told = { account: credential.label, team: credential.account.team };
  if (audience !== undefined) {
    const one = await audienceToken(context, store, credential.account, audience);
    return { ...told, token: one.accessToken, expiresAtMs: one.expiresAtMs };
  }
  const account = await freshAccount(context, store, credential.account);
  return { ...told, token: tokenOf(account), expiresAtMs: account.expiresAtMs };
}
