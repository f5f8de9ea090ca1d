import type { Context } from "../../cli/act.js";
import { tokenOf } from "../ask.js";
import { needCredential, openStore } from "../current.js";
import { freshAccount } from "../renew.js";

/** Prints a fresh access token. */
export async function token(context: Context): Promise<void> {
  context.output.print(await freshToken(context));
}

/** An access token that is good for a while; one that was handed in is taken as it is. */
export async function freshToken(context: Context): Promise<string> {
  const store = openStore(context);
  const credential = await needCredential(context, store);
  if (credential.source !== "login") return credential.token;
  return tokenOf(await freshAccount(context, store, credential.account));
}
