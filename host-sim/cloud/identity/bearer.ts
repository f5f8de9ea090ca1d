import type Provider from "oidc-provider";
import type { Operator } from "../operator.js";
import type { Directory } from "./directory.js";
import type { Logins } from "./logins.js";
import { profileOf } from "./profile.js";
import type { ServiceAccount, User } from "./types.js";

/** Who a bearer token belongs to, and what it may be used for; `grantId` names the login that it comes from. */
export interface Bearer {
  holder: User | ServiceAccount;
  scopes: ReadonlySet<string>;
  grantId?: string;
}

/** The bearer of an access token; null where it is unknown, over or revoked, or its holder is disabled. */
export async function bearerOf(
  { provider, directory }: { provider: Provider; directory: Directory },
  text: string,
): Promise<Bearer | null> {
  const token = await provider.AccessToken.find(text);
  if (token !== undefined) {
    // For an API of its own (RFC 8707): it opens nothing here.
    if (token.aud !== undefined) return null;
    const holder = directory.user(token.accountId);
    if (holder === undefined || holder.disabled) return null;
    return { holder, scopes: scopesIn(token.scope), grantId: token.grantId };
  }
  const credentials = await provider.ClientCredentials.find(text);
  if (credentials?.aud !== undefined) return null;
  const holder = directory.serviceAccount(credentials?.clientId ?? "");
  return holder === undefined || holder.disabled ? null : { holder, scopes: scopesIn(credentials?.scope) };
}

/** The operator of an access token; null where there is none. */
export async function operatorOf(
  parts: { provider: Provider; directory: Directory; logins: Logins },
  text: string,
): Promise<Operator | null> {
  const bearer = await bearerOf(parts, text);
  if (bearer === null) return null;
  const { holder, scopes, grantId } = bearer;
  const { username: name, role } = profileOf(parts.directory, holder, parts.logins.organizationOf(grantId));
  return { name, role, scopes };
}

const scopesIn = (scope: string | undefined): ReadonlySet<string> => new Set((scope ?? "").split(" "));
