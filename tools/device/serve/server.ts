/** The page's server: on this machine's loopback only, and for whoever has the token of its address. */
import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Failure, systemReason } from "../../cli/failure.js";

/** What the page is made of, by path. */
export type Files = Readonly<
  Record<string, { readonly type: string; readonly content: string | Uint8Array }>
>;

/** What the page may ask, by name; each takes and gives JSON. */
export type Calls = Readonly<Record<string, (body: unknown) => Promise<object>>>;

const HOST = "127.0.0.1";
const BODY_BYTES_MAX = 16 * 1024;

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "permissions-policy": "serial=(self)",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
} as const;

/** A refusal that has no failure: who gets it is not our page. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** One server. */
export class BenchServer {
  /** Where it is. */
  readonly origin: string;

  private constructor(
    private readonly server: Server,
    private readonly token: string,
    private readonly files: Files,
    private readonly calls: Calls,
    private readonly clean: (text: string) => string,
  ) {
    this.origin = `http://${HOST}:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => void this.serve(request, response));
  }

  /** @param clean takes secrets out of a sentence @throws Failure where the port cannot be listened on */
  static async listen(
    port: number,
    token: string,
    files: Files,
    calls: Calls,
    clean: (text: string) => string,
  ): Promise<BenchServer> {
    const server = createServer();
    try {
      server.listen({ host: HOST, port });
      await once(server, "listening");
    } catch (failure) {
      throw new Failure(
        "failed",
        `${HOST}:${port} cannot be listened on: ${systemReason(failure)}.`,
        "Give another --http-port, or 0 for any.",
      );
    }
    return new BenchServer(server, token, files, calls, clean);
  }

  async close(): Promise<void> {
    const closed = once(this.server, "close");
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      // Another name for this address is a page that was rebound to it.
      if (request.headers.host !== new URL(this.origin).host)
        throw new Refusal(421, "This address goes by another name.");
      const path = (request.url ?? "").split("?", 1)[0] ?? "";
      if (path.startsWith("/api/")) {
        const answer = await this.called(path.slice("/api/".length), request);
        send(response, 200, "application/json", JSON.stringify(answer));
        return;
      }
      const file = Object.hasOwn(this.files, path) ? this.files[path] : undefined;
      if (file === undefined) throw new Refusal(404, "There is nothing here.");
      if (request.method !== "GET") throw new Refusal(405, "This can be read only.");
      send(response, 200, file.type, file.content);
    } catch (failure) {
      this.refuse(response, failure);
    }
  }

  private async called(name: string, request: IncomingMessage): Promise<object> {
    const call = Object.hasOwn(this.calls, name) ? this.calls[name] : undefined;
    if (call === undefined) throw new Refusal(404, "There is nothing here.");
    if (request.method !== "POST") throw new Refusal(405, "Only the page's own calls are taken.");
    this.refuseStranger(request);
    return call(await bodyOf(request));
  }

  /** The token, and no other page's script. */
  private refuseStranger({ headers }: IncomingMessage): void {
    const site = headers["sec-fetch-site"];
    const isOther = headers.origin !== undefined && headers.origin !== this.origin;
    if (isOther || (site !== undefined && site !== "same-origin"))
      throw new Refusal(403, "Only the page's own calls are taken.");
    if (headers["content-type"] !== "application/json") throw new Refusal(415, "Only JSON is taken.");
    if (!isSame(headers.authorization ?? "", `Bearer ${this.token}`))
      throw new Failure(
        "not_authenticated",
        "This address has no token, or that of an earlier run.",
        "Open the address that the terminal shows, with all that stands behind the #.",
      );
  }

  private refuse(response: ServerResponse, failure: unknown): void {
    if (failure instanceof Refusal) {
      send(response, failure.status, "text/plain", failure.message);
      return;
    }
    const { code, message, next } =
      failure instanceof Failure
        ? failure
        : new Failure("failed", "The server met something that it does not know.", "Please report it.");
    const error = { code, message: this.clean(message), next: this.clean(next) };
    send(response, code === "not_authenticated" ? 401 : 400, "application/json", JSON.stringify({ error }));
  }
}

const isSame = (given: string, expected: string): boolean => {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
};

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > BODY_BYTES_MAX) throw new Refusal(413, "That is too long.");
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refusal(400, "That is no JSON.");
  }
}

function send(response: ServerResponse, status: number, type: string, content: string | Uint8Array): void {
  response.writeHead(status, { ...HEADERS, "content-type": `${type}; charset=utf-8` }).end(content);
}
