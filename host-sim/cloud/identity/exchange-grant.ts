import { createRemoteJWKSet, decodeJwt, type JWTVerifyGetKey, jwtVerify } from "jose";
import type Provider from "oidc-provider";
import type { TokenEndpointGrantContext } from "oidc-provider";
import { bearerOf } from "./bearer.js";
import { GRANTS } from "./clients.js";
import type { Directory } from "./directory.js";
import { loadProvider } from "./provider.js";
import type { ServiceAccount, Workload } from "./types.js";

const WORKLOAD_TYPES = ["id_token", "jwt"].map((name) => `urn:ietf:params:oauth:token-type:${name}`);
const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";
const TOKEN_TYPES = [...WORKLOAD_TYPES, ACCESS_TOKEN_TYPE];
/** Nobody has vouched for the claims yet. */
const CLAIM_SHOWN_MAX = 200;
const PARAMETERS = [
  "subject_token",
  "subject_token_type",
  "requested_token_type",
  "audience",
  "scope",
] as const;

type Parameters = Partial<Record<(typeof PARAMETERS)[number], string>>;
type Grantable = InstanceType<Provider["AccessToken"]> | InstanceType<Provider["ClientCredentials"]>;

/**
 * Token exchange (RFC 8693): the token that a build platform gives its programs becomes an access token of the service
 * account that trusts its `iss` and `sub`, and no secret is kept at either side; an access token becomes one for another
 * audience.
 * @param audiences those there are
 */
export async function registerExchangeGrant(
  provider: Provider,
  directory: Directory,
  audiences: readonly string[],
): Promise<void> {
  const { errors } = await loadProvider();
  const keys = new Map<string, JWTVerifyGetKey>();

  const grant = async (ctx: TokenEndpointGrantContext<Parameters>): Promise<void> => {
    const { subject_token: subjectToken, subject_token_type: type, audience, scope } = ctx.oidc.params;
    const requested = ctx.oidc.params.requested_token_type ?? ACCESS_TOKEN_TYPE;
    if (subjectToken === undefined || type === undefined)
      throw new errors.InvalidRequest(
        "missing required parameter(s) 'subject_token' or 'subject_token_type'",
      );
    if (!TOKEN_TYPES.includes(type))
      throw new errors.InvalidRequest(`subject_token_type must be one of ${TOKEN_TYPES.join(", ")}`);
    if (requested !== ACCESS_TOKEN_TYPE)
      throw new errors.InvalidRequest(`requested_token_type must be ${ACCESS_TOKEN_TYPE}`);
    const isOwn = type === ACCESS_TOKEN_TYPE;
    if (isOwn && audience === undefined)
      throw new errors.InvalidRequest("missing required parameter 'audience'");
    if (audience !== undefined && !audiences.includes(audience))
      throw new errors.InvalidTarget(`no API is called '${audience.slice(0, CLAIM_SHOWN_MAX)}'`);
    const token = isOwn ? await forOther(ctx, subjectToken) : await ofWorkload(ctx, subjectToken);
    if (audience !== undefined) token.setAudience(audience);
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: token.tokenType,
      expires_in: token.expiration,
      ...(scope !== undefined && { scope }),
    };
  };

  async function ofWorkload(
    ctx: TokenEndpointGrantContext<Parameters>,
    subjectToken: string,
  ): Promise<Grantable> {
    const account = await accountOf(subjectToken);
    const client = await provider.Client.find(account.clientId);
    if (client === undefined) throw new errors.InvalidRequest("the service account is disabled");
    const token = new provider.ClientCredentials({ client, scope: ctx.oidc.params.scope });
    ctx.oidc.entity("ClientCredentials", token);
    return token;
  }

  /** One for another audience, of the same login: it ends with that. A client exchanges its own tokens only. */
  async function forOther(
    ctx: TokenEndpointGrantContext<Parameters>,
    subjectToken: string,
  ): Promise<Grantable> {
    const { client } = ctx.oidc;
    const bearer = await bearerOf({ provider, directory }, subjectToken);
    const login = await provider.AccessToken.find(subjectToken);
    const program = await provider.ClientCredentials.find(subjectToken);
    const known = login ?? program;
    if (bearer === null || known?.clientId !== client.clientId)
      throw new errors.InvalidRequest("subject_token is no good access token of this client");
    const scope = ctx.oidc.params.scope ?? known.scope;
    if (scope?.split(" ").some((name) => !known.scopes.has(name)))
      throw new errors.InvalidScope("more than the subject token's", scope);
    const common = { client, ...(scope !== undefined && { scope }) };
    if (login === undefined) {
      const token = new provider.ClientCredentials(common);
      ctx.oidc.entity("ClientCredentials", token);
      return token;
    }
    const { accountId, grantId } = login;
    const token = new provider.AccessToken({ ...common, accountId, grantId, gty: GRANTS.exchange });
    ctx.oidc.entity("AccessToken", token);
    return token;
  }

  /** The service account that a subject token proves. What is wrong with one is `invalid_request` (section 2.2.2). */
  async function accountOf(subjectToken: string): Promise<ServiceAccount> {
    const { iss, sub } = claimsIn(subjectToken);
    const account = directory.serviceAccounts.find(
      ({ workload }) => workload !== undefined && workload.issuer === iss && workload.subject === sub,
    );
    if (account?.workload === undefined)
      throw new errors.InvalidRequest(
        `no service account trusts the workload ${sub.slice(0, CLAIM_SHOWN_MAX)} of ${iss.slice(0, CLAIM_SHOWN_MAX)}`,
      );
    await verify(subjectToken, account.workload);
    return account;
  }

  function claimsIn(subjectToken: string): { iss: string; sub: string } {
    try {
      const { iss, sub } = decodeJwt(subjectToken);
      if (typeof iss === "string" && typeof sub === "string") return { iss, sub };
    } catch {
      // No JWT is no better than one that names nobody.
    }
    throw new errors.InvalidRequest("subject_token is not a JWT with iss and sub");
  }

  async function verify(subjectToken: string, workload: Workload): Promise<void> {
    const { issuer, subject, audience = provider.issuer } = workload;
    let keysOfIssuer = keys.get(issuer);
    try {
      keysOfIssuer ??= await discoverKeys(issuer);
      keys.set(issuer, keysOfIssuer);
      await jwtVerify(subjectToken, keysOfIssuer, { issuer, subject, audience, requiredClaims: ["exp"] });
    } catch (failure) {
      throw new errors.InvalidRequest(`subject_token was not accepted: ${(failure as Error).message}`);
    }
  }

  provider.registerGrantType(GRANTS.exchange, grant, PARAMETERS);
}

/** The keys of an issuer (OpenID Connect Discovery 1.0 section 4). */
async function discoverKeys(issuer: string): Promise<JWTVerifyGetKey> {
  const response = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  if (!response.ok) throw new Error(`discovery at ${issuer} answers ${response.status}`);
  const { jwks_uri: uri } = (await response.json()) as { jwks_uri?: string };
  if (uri === undefined) throw new Error(`discovery at ${issuer} names no jwks_uri`);
  return createRemoteJWKSet(new URL(uri));
}
