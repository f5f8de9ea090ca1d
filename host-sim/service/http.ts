import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readBody } from "../cloud/body.js";
import { MESSAGE_BYTES_MAX } from "../cloud/channel.js";
import type { DeviceService } from "../cloud/device-service.js";
import { parseFrame, type ReplyError, RpcError, Unavailable } from "../cloud/frame.js";
import { HOOK_PATH, type Hook } from "../cloud/hook/index.js";
import { makeHttpServer } from "../cloud/http-server.js";
import { addressOf, listen } from "../cloud/listen.js";
import { RPC_PATH, type Rpc } from "../cloud/rpc.js";
import { keysOf, newPsk, sameSecret } from "../cloud/secret.js";
import type { CloudTls } from "../cloud/tls.js";
import type { Entity } from "../cloud/types.js";
import { RETRY_AFTER_SECONDS, type SenderLimits } from "./limits/limits.js";
import type { Metrics } from "./metrics.js";
import type { OpenId, OpenIdCaller } from "./openid/openid.js";
import type { State } from "./state.js";
import { JWKS_AGE_SECONDS } from "./store/keyring.js";

const BEARER = /^Bearer +([\x21-\x7e]+)$/i;
const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;
const FORM = "application/x-www-form-urlencoded";
const FORM_BYTES_MAX = 8_192;
/** More pending requests than the database can answer in time. */
const REQUESTS_MAX = 10_000;
const NAME_CHARACTERS_MAX = 128;
const NEVER_STORED = { "cache-control": "no-store" };

/** RFC 6750 section 3. */
const INVALID_TOKEN = { "www-authenticate": 'Bearer error="invalid_token"' };
/** What operators call; everything else is a backend's. */
const OPERATORS_METHOD = /^\/v1\/Device\./;

/** Who asks: somebody of the registry, or of the OpenID provider. */
type Caller = Entity | OpenIdCaller;

/** What the HTTP side works with. */
export interface ServiceHttpParts {
  state: State;
  rpc: Rpc;
  metrics: Metrics;
  limits: SenderLimits;
  /** null: no broker asks here. */
  hook: Hook | null;
  /** null: nobody comes with tokens of an OpenID provider. */
  operators: { openid: OpenId; devices: DeviceService } | null;
  /** The host that tokens for the service's own API are issued for. */
  apiHost: string;
  /** null: plain HTTP. */
  tls: CloudTls | null;
  /** A request that is not whole by then is answered 408. */
  connectLimitMs: number;
}

/** An answer, before it is sent. */
interface Answer {
  status: number;
  content?: object | string | Uint8Array;
  headers?: Record<string, string>;
}

interface Route {
  method: "GET" | "POST";
  /** Monitoring has no rate limit. */
  isWatched?: true;
  serve: (request: IncomingMessage) => Promise<Answer>;
}

/** Frames by POST, the public keys of tokens, introspection (RFC 7662), revocation (RFC 7009), and how the replica is. */
export class ServiceHttp {
  readonly url: string;
  private readonly routes: ReadonlyMap<string, Route>;
  private underWay = 0;
  private isDraining = false;
  private whenIdle: (() => void) | null = null;

  private constructor(
    readonly server: Server,
    private readonly parts: ServiceHttpParts,
  ) {
    const { address, port } = server.address() as AddressInfo;
    const scheme = parts.tls === null ? "http" : "https";
    this.url = `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}`;
    this.routes = new Map<string, Route>([
      ["/.well-known/jwks.json", { method: "GET", serve: () => this.jwks() }],
      [
        "/livez",
        { method: "GET", isWatched: true, serve: async () => ({ status: 200, content: { status: "ok" } }) },
      ],
      ["/readyz", { method: "GET", isWatched: true, serve: () => this.readiness() }],
      ["/metrics", { method: "GET", isWatched: true, serve: () => this.metrics() }],
      [RPC_PATH, { method: "POST", serve: (request) => this.rpc(request) }],
      ["/oauth2/introspect", { method: "POST", serve: (request) => this.introspect(request) }],
      ["/oauth2/revoke", { method: "POST", serve: (request) => this.revoke(request) }],
    ]);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.answer(request, response).catch(() => response.destroy());
    });
  }

  /** Listens; rejects when the port is taken. */
  static async start(host: string, port: number, parts: ServiceHttpParts): Promise<ServiceHttp> {
    const server = makeHttpServer(parts.connectLimitMs, parts.tls?.serverOptions ?? null);
    parts.tls?.watch(server);
    await listen(server, "HTTP", { host, port });
    return new ServiceHttp(server, parts);
  }

  /** Takes no new connection, and closes the open ones after their next answer. */
  drain(): void {
    this.isDraining = true;
    this.server.close();
  }

  /** Resolves when no request is pending. */
  idle(): Promise<void> {
    if (this.underWay === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.whenIdle = resolve;
    });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.underWay++;
    try {
      const { hook } = this.parts;
      const [path = ""] = (request.url ?? "").split("?", 1);
      if (hook !== null && path.startsWith(HOOK_PATH)) {
        await hook.serve(path, request, response);
        return;
      }
      const { status, content, headers } = await this.serve(request);
      const isJson = typeof content === "object" && !(content instanceof Uint8Array);
      const type = content === undefined ? {} : { "content-type": "application/json" };
      const isOver = this.isDraining || status === 413;
      response.writeHead(status, { ...type, ...headers, ...(isOver && { connection: "close" }) });
      response.end(isJson ? JSON.stringify(content) : content);
      // Does not wait for the rest of the body.
      if (status === 413) response.once("finish", () => request.destroy());
    } finally {
      this.underWay--;
      if (this.underWay === 0) this.whenIdle?.();
    }
  }

  private async serve(request: IncomingMessage): Promise<Answer> {
    const [path = ""] = (request.url ?? "").split("?", 1);
    const route = this.routes.get(path);
    if (route === undefined) return refusal(404, `There are ${[...this.routes.keys()].join(", ")}`);
    if (request.method !== route.method) return refusal(405, `Use ${route.method}`, { allow: route.method });
    const isHeld = route.isWatched !== true;
    if (isHeld && this.underWay > REQUESTS_MAX)
      return later(503, "Too many requests are under way", RETRY_AFTER_SECONDS);
    if (isHeld && !this.parts.limits.mayEnter(addressOf(request.socket)))
      return later(429, "Too many requests from this address", RETRY_AFTER_SECONDS);
    try {
      return await route.serve(request);
    } catch (failure) {
      if (failure instanceof RpcError)
        return refusal(failure.code, failure.message, failure.code === 401 ? INVALID_TOKEN : {});
      if (!(failure instanceof Unavailable)) return refusal(500, "The service failed; try again");
      return later(503, failure.message, failure.retryAfterSeconds);
    }
  }

  private async jwks(): Promise<Answer> {
    const headers = { "cache-control": `public, max-age=${JWKS_AGE_SECONDS}` };
    return { status: 200, content: this.parts.state.keyring.jwks, headers };
  }

  /** Ready means that the database takes a write: a read-only one looks healthy. */
  private async readiness(): Promise<Answer> {
    if (this.isDraining) return refusal(503, "The service is about to end");
    await this.parts.state.prove();
    return { status: 200, content: { status: "ok" } };
  }

  private async metrics(): Promise<Answer> {
    const { metrics } = this.parts;
    return { status: 200, content: await metrics.text(), headers: { "content-type": metrics.contentType } };
  }

  private async rpc(request: IncomingMessage): Promise<Answer> {
    const caller = await this.callerOf(request);
    if (caller === null) return unauthorized("Give a token for this API as Bearer, or id and key as Basic");
    const body = await readBody(request, MESSAGE_BYTES_MAX);
    if (body === null) return refusal(413, `A frame has at most ${MESSAGE_BYTES_MAX} bytes`);
    const { rpc, operators } = this.parts;
    if (operators !== null && "isBackend" in caller && isOperators(caller, body))
      return { status: 200, content: await operators.devices.post(caller, body) };
    const reply = await rpc.post("isBackend" in caller ? backendOf(caller) : caller, body);
    return reply === null ? { status: 204 } : answerOf(reply);
  }

  private async introspect(request: IncomingMessage): Promise<Answer> {
    const caller = await this.callerOf(request);
    if (caller === null) return unauthorized("Give id and key of a backend as Basic");
    if (!isBackend(caller)) return refusal(403, "Introspection is for the role backend");
    const token = await tokenIn(request);
    const found = await this.parts.state.tokens.whose(token);
    if (found === undefined) return { status: 200, content: { active: false }, headers: NEVER_STORED };
    const { sub, host, issued_at_ms: issuedAtMs, expires_at_ms: expiresAtMs } = found;
    const [iat, exp] = [Math.floor(issuedAtMs / 1000), Math.floor(expiresAtMs / 1000)];
    return { status: 200, content: { active: true, sub, aud: host, iat, exp }, headers: NEVER_STORED };
  }

  /** The answer is the same for an invalid token and for somebody else's (RFC 7009, 2.2). */
  private async revoke(request: IncomingMessage): Promise<Answer> {
    const caller = await this.callerOf(request);
    if (caller === null) return unauthorized("Give id and key as Basic");
    const token = await tokenIn(request);
    const { tokens } = this.parts.state;
    const found = await tokens.whose(token);
    const isTheirs = isBackend(caller) || ("id" in caller && found?.sub === caller.id);
    if (found !== undefined && isTheirs) await tokens.end(token);
    return { status: 200, headers: NEVER_STORED };
  }

  /** Who asks, proved by a token for this API or of the OpenID provider, by id and key, or by the TLS handshake. */
  private async callerOf(request: IncomingMessage): Promise<Caller | null> {
    const { state, apiHost, tls, operators } = this.parts;
    const header = request.headers.authorization ?? "";
    const [bearer] = BEARER.exec(header)?.slice(1) ?? [];
    if (bearer !== undefined) {
      if (operators?.openid.claims(bearer)) return operators.openid.callerOf(bearer);
      const check = await state.tokens.check(bearer, apiHost);
      return check.active ? this.enabled(check.sub) : null;
    }
    const [basic] = BASIC.exec(header)?.slice(1) ?? [];
    if (basic !== undefined) {
      const text = Buffer.from(basic, "base64").toString("utf8");
      const colonAt = text.indexOf(":");
      const caller = await this.enabled(text.slice(0, Math.max(0, colonAt)));
      const keys = caller === null ? [""] : keysOf(caller);
      if (keys.some((psk) => sameSecret(text.slice(colonAt + 1), psk))) return caller;
      const id = text.slice(0, Math.max(0, colonAt)).slice(0, NAME_CHARACTERS_MAX);
      await new Promise<void>((told) => this.parts.limits.late(id, addressOf(request.socket), told));
      return null;
    }
    const link = tls?.identityOf(request.socket) ?? null;
    return link === null ? null : this.enabled(link.id);
  }

  private async enabled(id: string): Promise<Entity | null> {
    const entity = await this.parts.state.accounts.find(id);
    return entity === undefined || entity.disabled ? null : entity;
  }
}

function isBackend(caller: Caller): boolean {
  return "isBackend" in caller ? caller.isBackend : caller.role === "backend";
}

/** Is this for the registry of devices? An operator alone has nothing else to ask. */
function isOperators(caller: OpenIdCaller, body: Uint8Array): boolean {
  if (!caller.isBackend) return true;
  const method = parseFrame(body, "json")?.method;
  return typeof method === "string" && OPERATORS_METHOD.test(method);
}

/** The OpenID provider's backend as the Auth service takes it: in no registry, and nobody has a key of it. */
function backendOf({ name }: OpenIdCaller): Entity {
  const counters = { connect: -1, mac: -1 };
  return { id: `openid ${name}`, role: "backend", psk: newPsk(), counters, disabled: false };
}

/** The parameter `token` of a form (RFC 7662 section 2.1, RFC 7009 section 2.1). */
async function tokenIn(request: IncomingMessage): Promise<string> {
  const type = (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type !== FORM) throw new RpcError(415, `Ask in ${FORM}`);
  const body = await readBody(request, FORM_BYTES_MAX);
  if (body === null) throw new RpcError(413, `A form has at most ${FORM_BYTES_MAX} bytes`);
  const [token, ...more] = new URLSearchParams(body.toString("utf8")).getAll("token");
  if (token === undefined || more.length > 0) throw new RpcError(400, "Give the parameter token, once");
  return token;
}

function refusal(status: number, error: string, headers: Record<string, string> = {}): Answer {
  return { status, content: { error }, headers };
}

function later(status: 429 | 503, error: string, seconds: number): Answer {
  const content = { error, retry_after: seconds };
  return { status, content, headers: { "retry-after": String(seconds) } };
}

/** A frame that says to try later sets HTTP's status too, for proxies between. */
function answerOf(reply: Uint8Array): Answer {
  const { error } = JSON.parse(Buffer.from(reply).toString("utf8")) as { error?: ReplyError };
  if (error?.retry_after === undefined) return { status: 200, content: reply };
  return { status: error.code, content: reply, headers: { "retry-after": String(error.retry_after) } };
}

function unauthorized(error: string): Answer {
  return refusal(401, error, { "www-authenticate": 'Basic realm="motekey", Bearer' });
}
