/** HTTP requests to one provider: bounded in time and size, through the proxy that the environment names. */
import type * as oidc from "openid-client";
import { Failure } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { waitFor } from "../cli/wait.js";

const ANSWER_MS_MAX = 15_000;
/** Discovery, key sets and token responses have some kilobytes. */
const ANSWER_BYTES_MAX = 1024 * 1024;
const TOO_MANY_REQUESTS = 429;
/** Statuses whose responses have no body (RFC 9110 section 6.4.1); `Response` refuses one. */
const BODILESS = [204, 205, 304];

/** The variables that name a proxy, in the order in which they count. */
export const PROXY_VARIABLES = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"] as const;

/** The provider is there, and cannot work now (RFC 9110 sections 15.6, RFC 6585 section 4). */
export class Unavailable extends Failure {
  /** @param retryAfterMs what the provider asked for (RFC 9110 section 10.2.3); null: nothing */
  constructor(
    issuer: string,
    readonly status: number,
    readonly retryAfterMs: number | null,
  ) {
    const why = status === TOO_MANY_REQUESTS ? "it gets too many requests" : "it is out of service";
    super(
      "issuer_unavailable",
      `${issuer} answers with HTTP ${status}: ${why}.`,
      "Try again later, or ask the people who run it.",
    );
  }
}

/** The token response that came last, before anybody judged it. */
export interface RawGrant {
  readonly accessToken: string | null;
  readonly refreshToken: string | null;
}

/** The requests of one command to one provider. */
export class Requests {
  /** The provider's clock by its last `Date` field (RFC 9110 section 6.6.1), unix ms to the second, and ours then. */
  clock: { readonly theirsMs: number; readonly oursMs: number } | null = null;
  private grant: RawGrant | null = null;

  /** @param limitMs an answer takes no longer */
  constructor(
    private readonly issuer: string,
    private readonly system: Pick<System, "env" | "secrets">,
    private readonly limitMs = ANSWER_MS_MAX,
  ) {}

  /** For openid-client. Arrow: the library calls it without its owner. */
  readonly fetch: oidc.CustomFetch = async (url, options) => {
    const late = new Failure(
      "issuer_unreachable",
      `${this.issuer} gives no answer within ${this.limitMs / 1000} s.`,
      "Check the network, and whether the provider is overloaded.",
    );
    this.system.secrets.keep(...secretsOf(options));
    return waitFor(this.limitMs, late, (ended) => this.answered(url, { ...options, signal: ended }));
  };

  /** Takes the last token response: what was granted must not get lost where the rest of the answer is refused. */
  takeGrant(): RawGrant | null {
    const { grant } = this;
    this.grant = null;
    return grant;
  }

  private async answered(url: string, options: object): Promise<Response> {
    const response = await (await fetchFor(this.system.env, this.issuer))(url, options);
    const { status, headers } = response;
    const date = Date.parse(headers.get("date") ?? "");
    if (!Number.isNaN(date)) this.clock = { theirsMs: date, oursMs: Date.now() };
    const body = await this.bounded(response);
    const content = objectIn(body);
    this.system.secrets.keep(...ANSWER_SECRETS.map((name) => text(content[name])));
    if (status >= 500 || status === TOO_MANY_REQUESTS)
      throw new Unavailable(this.issuer, status, retryAfterMs(headers.get("retry-after")));
    if (status === 200) this.grant = grantOf(content) ?? this.grant;
    return new Response(BODILESS.includes(status) ? null : body, { status, headers });
  }

  private async bounded(response: Response): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const body: AsyncIterable<Uint8Array> = (response.body ?? []) as never;
    for await (const chunk of body) {
      length += chunk.length;
      if (length > ANSWER_BYTES_MAX) {
        throw new Failure(
          "issuer_invalid",
          `${this.issuer} answers with more than ${ANSWER_BYTES_MAX / 1024 / 1024} MiB.`,
          "Check --issuer.",
        );
      }
      chunks.push(chunk);
    }
    return Uint8Array.from(Buffer.concat(chunks));
  }
}

/** This machine is never reached through a proxy. */
const LOOPBACK = ["127.0.0.1", "[::1]", "localhost"];

/**
 * The proxy that the environment names for an issuer, or for anybody; null: none. Where `NO_PROXY` has the issuer, it goes unused. The host alone
 * is shown: a user and a password may stand before it.
 */
export function proxyOf(
  env: System["env"],
  issuer?: string,
): { readonly variable: string; readonly host: string } | null {
  if (issuer !== undefined && LOOPBACK.includes(new URL(issuer).hostname)) return null;
  const variable = PROXY_VARIABLES.find((name) => (env[name] ?? "") !== "");
  if (variable === undefined) return null;
  const value = env[variable] ?? "";
  return { variable, host: URL.canParse(value) ? new URL(value).host : "(not a URL)" };
}

/** Node's own, or undici's where a proxy is named: it takes seven times as long to load. */
async function fetchFor(env: System["env"], issuer: string): Promise<typeof fetch> {
  if (proxyOf(env, issuer) === null) return fetch;
  const { EnvHttpProxyAgent, fetch: proxied } = await import("undici");
  // Empty where there is none: it would look into the process's own environment.
  const value = (name: string) => env[name.toLowerCase()] ?? env[name] ?? "";
  const proxies = {
    httpProxy: value("HTTP_PROXY"),
    httpsProxy: value("HTTPS_PROXY"),
    noProxy: value("NO_PROXY"),
  };
  const dispatcher = new EnvHttpProxyAgent(proxies);
  return ((url: string, options: object) =>
    proxied(url, { ...options, dispatcher })) as unknown as typeof fetch;
}

/** Seconds or a date (RFC 9110 section 10.2.3). */
function retryAfterMs(field: string | null): number | null {
  if (field === null) return null;
  if (/^\d{1,9}$/.test(field)) return Number(field) * 1000;
  const date = Date.parse(field);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}

/** What answers have that nobody else may see (RFC 6749, 8628, OpenID Connect Core 1.0). */
const ANSWER_SECRETS = ["access_token", "refresh_token", "id_token", "device_code"];
/** What requests have (RFC 6749, 7009, 7521, 7636, 8628, 8693). */
const REQUEST_SECRETS = [
  ...["refresh_token", "token", "subject_token", "actor_token", "code", "code_verifier", "device_code"],
  ...["password", "client_secret", "client_assertion", "assertion"],
];

/** The secrets of a request: of its form, and of its `Authorization`, also as Basic credentials encode them. */
function secretsOf({ headers, body }: oidc.CustomFetchOptions): string[] {
  const form = new URLSearchParams(body instanceof URLSearchParams || typeof body === "string" ? body : "");
  const [scheme = "", credentials = ""] = (headers.authorization ?? "").split(" ");
  const pair = scheme.toLowerCase() === "basic" ? Buffer.from(credentials, "base64").toString() : "";
  return [
    credentials,
    pair.slice(pair.indexOf(":") + 1),
    ...REQUEST_SECRETS.map((name) => form.get(name) ?? ""),
  ];
}

/** A JSON object's members; empty for anything else. */
function objectIn(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const content: unknown = JSON.parse(Buffer.from(body).toString());
    return typeof content === "object" && content !== null ? (content as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

function grantOf({ access_token, refresh_token }: Readonly<Record<string, unknown>>): RawGrant | null {
  const grant = { accessToken: text(access_token), refreshToken: text(refresh_token) };
  return grant.accessToken === null && grant.refreshToken === null ? null : grant;
}
