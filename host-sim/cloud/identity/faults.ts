import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { decodeJwt, decodeProtectedHeader, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import {
  either,
  FLAG,
  FUNCTION,
  guarded,
  listOf,
  NOTHING,
  needed,
  numberFrom,
  OBJECT,
  oneOf,
  optionsOf,
  type Shape,
  whole,
} from "../options.js";
import type { Middleware } from "./context.js";
import { ENDPOINTS } from "./endpoints.js";

/** Names of endpoints as in discovery (RFC 8414 section 2). */
export type EndpointName = keyof typeof ENDPOINTS;

/** How the identity misbehaves. */
export interface IdentityFaultOptions {
  /** Each request waits this long before it is looked at. */
  latencyMs?: number;
  /** Every request is answered with this HTTP status and a page in HTML, as a gateway does, or the connection is reset. */
  down?: number | "reset" | null;
  /** The next requests to an endpoint are answered so; `times` counts down (default 1). */
  error?: { endpoint: EndpointName; status: number; body: object; times?: number } | null;
  /** Shifts the `Date` header, as a server's wrong clock would. */
  clockOffsetSeconds?: number;
  /** Endpoints that this provider does not have: not in discovery, and 404. */
  lacks?: EndpointName[];
  /** Changes claims of each ID token, or signs it with a key that the JWKS does not have. */
  idToken?: { claims?: Record<string, unknown>; forged?: boolean } | null;
  /** Changes each JSON answer: its path and content. */
  rawReply?: ((path: string, content: Record<string, unknown>) => object) | null;
  /** Changes the redirect back to a client that carries the authorization response. */
  rawCallback?: ((location: URL) => void) | null;
}

const ENDPOINT = oneOf(...Object.keys(ENDPOINTS));
const ERROR: Shape<NonNullable<IdentityFaultOptions["error"]>> = {
  endpoint: needed(ENDPOINT),
  status: needed(whole(200, 599)),
  body: needed(OBJECT),
  times: numberFrom(1),
};
const ID_TOKEN: Shape<NonNullable<IdentityFaultOptions["idToken"]>> = { claims: OBJECT, forged: FLAG };

/** The names and values of the knobs. */
export const IDENTITY_FAULTS: Shape<IdentityFaultOptions> = {
  latencyMs: numberFrom(0),
  down: either(whole(200, 599), oneOf("reset"), NOTHING),
  error: either(optionsOf(ERROR), NOTHING),
  clockOffsetSeconds: numberFrom(-Infinity),
  lacks: listOf(ENDPOINT),
  idToken: either(optionsOf(ID_TOKEN), NOTHING),
  rawReply: either(FUNCTION, NOTHING),
  rawCallback: either(FUNCTION, NOTHING),
};

/** The knobs as the running identity holds them: every field may be set at any time. */
export type IdentityFaults = Required<IdentityFaultOptions>;

/**
 * Knobs at rest, with the given ones turned.
 * @throws Error that names a knob which is unknown or of a wrong value, now and whenever one is set
 */
export function makeIdentityFaults(given: IdentityFaultOptions): IdentityFaults {
  const faults: IdentityFaults = {
    latencyMs: 0,
    down: null,
    error: null,
    clockOffsetSeconds: 0,
    lacks: [],
    idToken: null,
    rawReply: null,
    rawCallback: null,
    ...given,
  };
  return guarded("faults", faults, IDENTITY_FAULTS);
}

/** What strikes before the request is looked at. True: it has been dealt with. */
export async function struckDown(
  faults: IdentityFaults,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (faults.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, faults.latencyMs));
  if (faults.clockOffsetSeconds !== 0) {
    response.setHeader("date", new Date(Date.now() + faults.clockOffsetSeconds * 1000).toUTCString());
  }
  if (faults.down === null) return false;
  if (faults.down === "reset") request.socket.resetAndDestroy();
  else response.writeHead(faults.down, { "content-type": "text/html" }).end("<h1>Out of service</h1>");
  return true;
}

/** What strikes the answers. The outermost middleware. */
export function faultyAnswers(faults: IdentityFaults, key: JWK): Middleware {
  return async (ctx, next) => {
    const endpoint = endpointOf(ctx.path);
    if (endpoint !== undefined && faults.lacks.includes(endpoint)) {
      ctx.status = 404;
      return;
    }
    const { error } = faults;
    if (error !== null && error.endpoint === endpoint) {
      error.times = (error.times ?? 1) - 1;
      if (error.times < 1) faults.error = null;
      ctx.status = error.status;
      ctx.body = error.body;
      return;
    }
    await next();
    const location = ctx.response.get("location");
    if (faults.rawCallback !== null && URL.canParse(location)) {
      const url = new URL(location);
      if (url.searchParams.has("state") && url.origin !== ctx.origin) {
        faults.rawCallback(url);
        ctx.set("location", url.href);
      }
    }
    if (isContent(ctx.body)) ctx.body = await faultyContent(faults, key, ctx.path, ctx.body);
  };
}

async function faultyContent(
  faults: IdentityFaults,
  key: JWK,
  path: string,
  content: Record<string, unknown>,
): Promise<object> {
  for (const name of faults.lacks) if (name in content) delete content[name];
  if (faults.idToken !== null && typeof content.id_token === "string")
    content.id_token = await resigned(content.id_token, faults.idToken, key);
  return faults.rawReply === null ? content : faults.rawReply(path, content);
}

async function resigned(
  token: string,
  fault: NonNullable<IdentityFaults["idToken"]>,
  key: JWK,
): Promise<string> {
  const header = decodeProtectedHeader(token) as { alg: string };
  const signer = fault.forged ? (await generateKeyPair(header.alg)).privateKey : await importJWK(key);
  const claims = { ...decodeJwt(token), jti: randomUUID(), ...fault.claims };
  return new SignJWT(claims).setProtectedHeader(header).sign(signer);
}

function endpointOf(path: string): EndpointName | undefined {
  return (Object.keys(ENDPOINTS) as EndpointName[]).find((name) => ENDPOINTS[name] === path);
}

function isContent(body: unknown): body is Record<string, unknown> {
  return typeof body === "object" && body !== null && Object.getPrototypeOf(body) === Object.prototype;
}
