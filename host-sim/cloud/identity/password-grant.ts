import type Provider from "oidc-provider";
import type { TokenEndpointGrantContext } from "oidc-provider";
import type { Directory } from "./directory.js";
import { claimsOf, profileOf, SCOPES } from "./profile.js";
import { loadProvider } from "./provider.js";
import type { IdentityEvent, User } from "./types.js";

const GRANT_TYPE = "password";

interface Parameters {
  username?: string;
  password?: string;
  scope?: string;
}

/**
 * The resource owner password grant (RFC 6749 section 4.3): OAuth 2.1 has dropped it, and the documented logins
 * by user name and password need it. It gives a refresh token, and with the scope `openid` an ID token.
 */
export async function registerPasswordGrant(
  provider: Provider,
  directory: Directory,
  tell: (event: IdentityEvent) => void,
): Promise<void> {
  const { errors } = await loadProvider();
  const grant = async (ctx: TokenEndpointGrantContext<Parameters>): Promise<void> => {
    const { username, password } = ctx.oidc.params;
    if (username === undefined || password === undefined) {
      throw new errors.InvalidRequest("missing required parameter(s) 'username' or 'password'");
    }
    const user = await directory.logIn(username, password);
    tell({ event: "login", username, ok: user !== null, by: "password" });
    if (user === null)
      throw new errors.CustomOIDCProviderError("invalid_grant", "Invalid user name or password");
    const wanted = ctx.oidc.params.scope?.split(" ") ?? SCOPES;
    const scope = wanted.filter((name) => SCOPES.includes(name)).join(" ");
    ctx.body = await logIn(provider, directory, ctx, user, scope);
  };
  provider.registerGrantType(GRANT_TYPE, grant, ["username", "password", "scope"]);
}

async function logIn(
  provider: Provider,
  directory: Directory,
  ctx: TokenEndpointGrantContext,
  user: User,
  scope: string,
): Promise<object> {
  const { client } = ctx.oidc;
  const accountId = user.id;
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope(scope);
  const common = { client, accountId, grantId: await grant.save(), gty: GRANT_TYPE, scope };
  const accessToken = new provider.AccessToken(common);
  ctx.oidc.entity("AccessToken", accessToken);
  const authTime = Math.floor(Date.now() / 1000);
  const refreshToken = new provider.RefreshToken({ ...common, authTime, rotations: 0 });
  return {
    access_token: await accessToken.save(),
    token_type: accessToken.tokenType,
    expires_in: accessToken.expiration,
    refresh_token: await refreshToken.save(),
    scope,
    ...(scope.split(" ").includes("openid") && { id_token: await idToken() }),
  };

  function idToken(): Promise<string> {
    const claims = claimsOf(profileOf(directory, user, undefined));
    // `scope` chooses the claims; oidc-provider's own grants set it so, its types lack it.
    const token = Object.assign(new provider.IdToken(claims, { ctx }), { scope });
    return token.issue({ use: "idtoken" });
  }
}
