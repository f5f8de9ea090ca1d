import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, ListenOptions } from "node:net";
import { readBody } from "./body.js";
import { MESSAGE_BYTES_MAX } from "./channel.js";
import type { DeviceService } from "./device-service.js";
import { RpcError } from "./frame.js";
import type { Health } from "./health.js";
import { HOOK_PATH, type Hook } from "./hook/index.js";
import { makeHttpServer } from "./http-server.js";
import { listen, placeOf } from "./listen.js";
import type { Operator } from "./operator.js";
import type { Registry } from "./registry.js";
import { RPC_PATH, type Rpc } from "./rpc.js";
import type { CloudTls } from "./tls.js";
import type { Tokens } from "./tokens.js";
import type { Entity } from "./types.js";

const JWKS_PATH = "/.well-known/jwks.json";
const HEALTH_PATH = "/health";
const BEARER = /^Bearer +([\x21-\x7e]+)$/i;

/** What the HTTP side works with. */
export interface HttpParts {
  registry: Registry;
  tokens: Tokens;
  /** The public keys of tokens (RFC 7517). */
  jwks: object;
  health: Health;
  rpc: Rpc;
  devices: DeviceService;
  /** The operator of an access token; null where there is none. */
  operator: (token: string) => Promise<Operator | null>;
  /** null: no broker asks. */
  hook: Hook | null;
  /** The host that tokens for the cloud's own API are issued for. */
  apiHost: string;
  /** null: plain HTTP. */
  tls: CloudTls | null;
  /** A request that is not whole by then is answered 408. */
  connectLimitMs: number;
}

/** The HTTP side: the public keys of the tokens, whether all is well, and frames by POST for tools and backends. */
export class Http {
  readonly url: string;
  private place: ListenOptions | null = null;

  private constructor(
    readonly server: Server,
    scheme: "http" | "https",
  ) {
    const { address, port } = server.address() as AddressInfo;
    this.url = `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}`;
  }

  /** Listens; rejects when the port is taken. */
  static async start(host: string, port: number, parts: HttpParts): Promise<Http> {
    const { tls } = parts;
    const server = makeHttpServer(parts.connectLimitMs, tls?.serverOptions ?? null);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      serve(parts, request, response).catch(() => response.destroy());
    });
    tls?.watch(server);
    await listen(server, "HTTP", { host, port });
    return new Http(server, tls === null ? "http" : "https");
  }

  /** Nobody is answered, and no connection taken, until `back`. */
  away(): void {
    this.place ??= placeOf(this.server);
    this.server.close();
    this.server.closeAllConnections();
  }

  /** Listens again, at the same port. */
  async back(): Promise<void> {
    if (!this.server.listening) await listen(this.server, "HTTP", this.place ?? {});
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

async function serve(parts: HttpParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = ""] = (request.url ?? "").split("?", 1);
  if (path === JWKS_PATH || path === HEALTH_PATH) {
    if (request.method !== "GET") return answer(response, 405, { error: "Use GET" }, { allow: "GET" });
    if (path === JWKS_PATH) return answer(response, 200, parts.jwks);
    const health = parts.health.answer;
    return answer(response, health.status === "ok" ? 200 : 503, health);
  }
  if (parts.hook !== null && path.startsWith(HOOK_PATH)) return parts.hook.serve(path, request, response);
  if (path !== RPC_PATH) {
    return answer(response, 404, { error: `There are ${JWKS_PATH}, ${HEALTH_PATH} and ${RPC_PATH}` });
  }
  if (request.method !== "POST") return answer(response, 405, { error: "Use POST" }, { allow: "POST" });
  const caller = bearer(parts, request) ?? linked(parts, request);
  const operator = caller === null ? await parts.operator(tokenIn(request)) : null;
  if (caller === null && operator === null) {
    const hint = { error: `Give a good token of the cloud for ${parts.apiHost}: Authorization: Bearer …` };
    return answer(response, 401, hint, { "www-authenticate": "Bearer" });
  }
  const body = await readBody(request, MESSAGE_BYTES_MAX);
  if (body === null) {
    const hint = { error: `A frame has at most ${MESSAGE_BYTES_MAX} bytes` };
    // What is still on its way is not waited for.
    response.once("finish", () => request.destroy());
    return answer(response, 413, hint, { connection: "close" });
  }
  const asked =
    operator === null ? parts.rpc.post(caller as Entity, body) : parts.devices.post(operator, body);
  await post(asked, response);
}

async function post(asked: Promise<Uint8Array | object | null>, response: ServerResponse): Promise<void> {
  try {
    const reply = await asked;
    if (reply === null) response.writeHead(204).end();
    else if (reply instanceof Uint8Array)
      response.writeHead(200, { "content-type": "application/json" }).end(reply);
    else answer(response, 200, reply);
  } catch (failure) {
    if (!(failure instanceof RpcError)) throw failure;
    answer(response, failure.code, { error: failure.message });
  }
}

/** The bearer token of a request (RFC 6750 section 2.1); empty where there is none. */
function tokenIn(request: IncomingMessage): string {
  return BEARER.exec(request.headers.authorization ?? "")?.[1] ?? "";
}

function bearer(parts: HttpParts, request: IncomingMessage): Entity | null {
  const check = parts.tokens.check(tokenIn(request), parts.apiHost);
  const caller = check.active ? parts.registry.get(check.sub) : undefined;
  return caller === undefined || caller.disabled ? null : caller;
}

/** Who has shown a certificate, or a TLS-PSK, needs no token. */
function linked(parts: HttpParts, request: IncomingMessage): Entity | null {
  const identity = parts.tls?.identityOf(request.socket) ?? null;
  const caller = identity === null ? undefined : parts.registry.get(identity.id);
  return caller === undefined || caller.disabled ? null : caller;
}

function answer(
  response: ServerResponse,
  status: number,
  content: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(content));
}
