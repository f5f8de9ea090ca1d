import type { Context } from "../../cli/act.js";
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
export async function token(context: Context): Promise<void> {
  const { token, expiresAtMs, account, team } = await freshToken(context);
  context.output.print({ token, expires_at: isoTime(expiresAtMs), account, team }, token);
}

/** A token that was handed in is taken as it is. */
export async function freshToken(context: Context): Promise<FreshToken> {
  const store = openStore(context);
  const credential = await needCredential(context, store);
  if (credential.source !== "login") {
    const { token } = credential;
    return {
      token,
      expiresAtMs: endOfToken(token),
      account: null,
      team: context.settings.team?.value ?? null,
    };
  }
  const account = await freshAccount(context, store, credential.account);
  const { expiresAtMs, team } = account;
  return { token: tokenOf(account), expiresAtMs, account: credential.label, team };
}
