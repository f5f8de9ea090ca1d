import { createRemoteJWKSet, decodeJwt, type JWTVerifyGetKey, jwtVerify } from "jose";
import type Provider from "oidc-provider";
import type { TokenEndpointGrantContext } from "oidc-provider";
import { GRANTS } from "./clients.js";
import type { Directory } from "./directory.js";
import { loadProvider } from "./provider.js";
import type { ServiceAccount, Workload } from "./types.js";

const TOKEN_TYPES = ["id_token", "jwt"].map((name) => `urn:ietf:params:oauth:token-type:${name}`);
const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";
/** Nobody has vouched for the claims yet. */
const CLAIM_SHOWN_MAX = 200;
const PARAMETERS = ["subject_token", "subject_token_type", "requested_token_type", "scope"] as const;

type Parameters = Partial<Record<(typeof PARAMETERS)[number], string>>;

/**
 * Token exchange (RFC 8693) for programs on a build platform: the token that the platform gives them becomes an
 * access token of the service account that trusts its `iss` and `sub`. No secret is kept at either side.
 */
export async function registerExchangeGrant(provider: Provider, directory: Directory): Promise<void> {
  const { errors } = await loadProvider();
  const keys = new Map<string, JWTVerifyGetKey>();

  const grant = async (ctx: TokenEndpointGrantContext<Parameters>): Promise<void> => {
    const { subject_token: subjectToken, subject_token_type: type, scope } = ctx.oidc.params;
    const requested = ctx.oidc.params.requested_token_type ?? ACCESS_TOKEN_TYPE;
    if (subjectToken === undefined || type === undefined)
      throw new errors.InvalidRequest(
        "missing required parameter(s) 'subject_token' or 'subject_token_type'",
      );
    if (!TOKEN_TYPES.includes(type))
      throw new errors.InvalidRequest(`subject_token_type must be one of ${TOKEN_TYPES.join(", ")}`);
    if (requested !== ACCESS_TOKEN_TYPE)
      throw new errors.InvalidRequest(`requested_token_type must be ${ACCESS_TOKEN_TYPE}`);
    const account = await accountOf(subjectToken);
    const client = await provider.Client.find(account.clientId);
    if (client === undefined) throw new errors.InvalidRequest("the service account is disabled");
    const token = new provider.ClientCredentials({ client, scope });
    ctx.oidc.entity("ClientCredentials", token);
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: token.tokenType,
      expires_in: token.expiration,
      ...(scope !== undefined && { scope }),
    };
  };

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
