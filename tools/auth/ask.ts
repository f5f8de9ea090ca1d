/** Questions to the provider about a credential; a refused token is refreshed once. */
import type { Context } from "../cli/act.js";
import { Failure } from "../cli/failure.js";
import { asking, isRefusedToken } from "../oidc/failure.js";
import { askPerson, type Person } from "../oidc/person.js";
import { CLIENT_ID, findProvider, type Provider } from "../oidc/provider.js";
import type { Account } from "../store/account.js";
import type { Store } from "../store/store.js";
import { type Credential, chosenTeam, issuerOf, readLogins } from "./current.js";
import { clientOf, freshAccount } from "./renew.js";

/** What the provider said, and the credential as it is now. */
export interface Answer {
  readonly provider: Provider;
  /** Null: the provider tells nothing about this token. */
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
    const logins = await readLogins(store, context);
    const issuer = issuerOf(context, logins, chosenTeam(context, logins)?.value ?? null);
    const provider = await findProvider(issuer.value, { clientId: CLIENT_ID }, context.system);
    const person = await asking(provider, () => askPerson(provider, credential.token));
    return { provider, person, account: null };
  }
  const account = await freshAccount(context, store, credential.account);
  const provider = await findProvider(account.issuer, clientOf(context.system, account), context.system);
  return asking(provider, async () => {
    try {
      return { provider, person: await askPerson(provider, tokenOf(account)), account };
    } catch (failure) {
      if (!isRefusedToken(failure)) throw failure;
      const again = await freshAccount(context, store, account, { refused: true });
      return { provider, person: await askPerson(provider, tokenOf(again)), account: again };
    }
  });
}

/** The account's access token. */
export function tokenOf({ accessToken }: Account): string {
  if (accessToken !== null) return accessToken;
  throw new Failure("not_authenticated", "Not authenticated.", "Run 'motekey auth login'.");
}
