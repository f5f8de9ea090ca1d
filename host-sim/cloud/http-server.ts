import { createServer, type Server, type ServerOptions } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { TlsOptions } from "node:tls";

/** How long a connection may take until it has said who it is, or what it wants. */
export const CONNECT_LIMIT_MS = 10_000;
/** Node looks for requests that take too long so often, unless the limit is shorter. */
const LOOK_EVERY_MS = 2_000;

/**
 * A server of HTTP that waits for nobody without end.
 * @param limitMs for a TLS handshake, for a request's head, and for all of a request
 * @param tls null: plain HTTP
 */
export function makeHttpServer(limitMs: number, tls: TlsOptions | null): Server {
  const limits: ServerOptions = {
    headersTimeout: limitMs,
    requestTimeout: limitMs,
    connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, limitMs),
  };
  return tls === null
    ? createServer(limits)
    : createTlsServer({ ...limits, handshakeTimeout: limitMs, ...tls });
}
