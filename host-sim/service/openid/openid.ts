import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import { RpcError, Unavailable } from "../../cloud/frame.js";
import { DEVICES_SCOPE, type MemberRole, type Operator } from "../../cloud/operator.js";
import type { ServiceOpenId } from "../service-options.js";
import { readJson } from "./read-json.js";
import { KeysUnavailable, RemoteKeys } from "./remote-keys.js";

/** Signatures by which an issuer alone can sign; a shared secret's (HS256) and none are out. */
const ALGORITHMS = [
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
];
const STALE_SECONDS = 3_600;
const CLOCK_TOLERANCE_SECONDS = 5;
const RETRY_AFTER_SECONDS = 5;
const NAME_CHARACTERS_MAX = 128;
/** The highest first: who has several has that. */
const MEMBER_ROLES: readonly MemberRole[] = ["admin", "developer", "viewer"];

/** Whose token it is. */
export interface OpenIdCaller extends Operator {
  /** May it ask about tokens, and end them, as an app's server does? */
  isBackend: boolean;
}

/** Operators and backends by the JWT access tokens (RFC 9068) of an OpenID provider. */
export class OpenId {
  private readonly keys: RemoteKeys;

  constructor(private readonly options: ServiceOpenId) {
    const issuer = secureUrl("openid.issuer", options.issuer);
    const place = options.jwksUrl === undefined ? options.issuer : options.jwksUrl;
    const jwksUrl = options.jwksUrl === undefined ? null : secureUrl("openid.jwksUrl", options.jwksUrl);
    const locate = () => jwksUrl ?? discovered(issuer, options.issuer);
    this.keys = new RemoteKeys(place, locate, (options.staleSeconds ?? STALE_SECONDS) * 1000);
  }

  /** What a token must have for what changes the registry. */
  get scope(): string {
    return this.options.writeScope || DEVICES_SCOPE;
  }

  /** Does this text say that it is of this issuer? Whether it is `callerOf` finds out. */
  claims(token: string): boolean {
    try {
      return decodeJwt(token).iss === this.options.issuer;
    } catch {
      return false;
    }
  }

  /**
   * Whose token this is. Rejects with `RpcError` 401 where it is not good, 403 where it gives no role here, and with
   * `Unavailable` where nobody can say.
   */
  async callerOf(token: string): Promise<OpenIdCaller> {
    const { issuer, audience, claims = {}, roles, rolesClaim = "roles", writeScope } = this.options;
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, (header, jws) => this.keys.find(header, jws), {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ["sub", "iat", "exp"],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      }));
    } catch (failure) {
      if (failure instanceof KeysUnavailable)
        throw new Unavailable(failure.message, RETRY_AFTER_SECONDS, { cause: failure });
      if (!(failure instanceof errors.JOSEError)) throw failure;
      throw new RpcError(401, `The token of ${issuer} is not good: ${failure.message}`);
    }
    for (const [name, value] of Object.entries(claims))
      if (!textsIn(payload, name).includes(value))
        throw new RpcError(401, `The token of ${issuer} is not good: its claim "${name}" is another one`);
    // Whoever shows it would have to prove that they have the key (RFC 9449, RFC 8705).
    if (payload.cnf !== undefined)
      throw new RpcError(401, `The token of ${issuer} is bound to a key; get one that is not`);
    const held = textsIn(payload, rolesClaim);
    const has = (role: keyof typeof roles): boolean =>
      roles[role]?.some((name) => held.includes(name)) === true;
    const role = MEMBER_ROLES.find(has) ?? null;
    const isBackend = has("backend");
    if (role === null && !isBackend)
      throw new RpcError(403, `The token of ${issuer} gives no role here: see its claim "${rolesClaim}"`);
    const scopes = new Set(textsIn(payload, payload.scope === undefined ? "scp" : "scope"));
    if (writeScope === "") scopes.add(DEVICES_SCOPE);
    return { name: this.nameOf(payload), role, scopes, isBackend };
  }

  /** Reads the keys, before anybody needs them. Resolves with why that cannot be, or null. */
  async trouble(): Promise<string | null> {
    const trouble = await this.keys.read();
    return trouble === "" ? null : `The keys of ${this.options.issuer} cannot be read${trouble}`;
  }

  private nameOf(payload: JWTPayload): string {
    const { nameClaim = "sub" } = this.options;
    const [name = payload.sub ?? ""] = textsIn(payload, nameClaim);
    return name.slice(0, NAME_CHARACTERS_MAX);
  }
}

/** OpenID Connect Discovery 1.0, section 4: what it says of its issuer must be that very issuer. */
async function discovered(url: URL, issuer: string): Promise<URL> {
  const place = new URL(`${url.href.replace(/\/$/, "")}/.well-known/openid-configuration`);
  const found = (await readJson(place)) as { issuer?: unknown; jwks_uri?: unknown } | null;
  if (found?.issuer !== issuer) throw new Error("its discovery is that of another issuer");
  if (typeof found.jwks_uri !== "string") throw new Error("its discovery names no jwks_uri");
  return secureUrl("its jwks_uri", found.jwks_uri);
}

/** Who can change an issuer's answers can make tokens. */
function secureUrl(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isHere = url !== null && /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isHere)) return url;
  throw new Error(`${name} must be an https:// address; http:// is for this machine alone`);
}

/** A claim by its name, or by the names on the way to it: `realm_access.roles`. */
function claimIn(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const step of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** A claim's texts: one, or an array's. A scope's stand in one text, a space between (RFC 9068 section 2.2.3); others may hold spaces. */
function textsIn(payload: JWTPayload, name: string): string[] {
  const value = claimIn(payload, name);
  if (typeof value === "string") return name === "scope" || name === "scp" ? value.split(" ") : [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
