/** Where the browser brings the provider's answer: a server on this machine's loopback only (RFC 8252 section 7.3). */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Failure } from "../cli/failure.js";
import { page } from "./page.js";

const PATH = "/callback";
const HOSTS = ["127.0.0.1", "::1"];
/** A browser that does not read its page keeps nobody from the terminal for longer. */
const LEAVE_MS_MAX = 2_000;

/** A server that waits for one answer. */
export class Loopback {
  /** What the provider redirects to. */
  readonly redirectUri: string;
  /** Resolves to the address with the answer, the first whose `state` is the expected one. */
  readonly answer: Promise<URL>;
  private accept!: (answer: URL) => void;
  private readonly taken = new AbortController();
  private readonly leaving = new Set<ServerResponse>();

  private constructor(
    private readonly server: Server,
    private readonly state: string,
  ) {
    const { address, port } = server.address() as AddressInfo;
    this.redirectUri = `http://${address.includes(":") ? `[${address}]` : address}:${port}${PATH}`;
    this.answer = new Promise((resolve) => {
      this.accept = resolve;
    });
    server.on("request", (request, response) => {
      this.leaving.add(response);
      response.once("close", () => this.leaving.delete(response));
      this.serve(request, response);
    });
  }

  /** Listens on 127.0.0.1, or on ::1 where the machine has no IPv4. */
  static async listen(state: string): Promise<Loopback> {
    for (const host of HOSTS) {
      const server = createServer().listen({ host, port: 0 });
      try {
        await once(server, "listening");
        return new Loopback(server, state);
      } catch {
        // The next one.
      }
    }
    throw new Failure("failed", "Neither 127.0.0.1 nor ::1 can be listened on.", "Use --device-code.");
  }

  /** Aborted when the answer was taken: who asks for it another way can stop. */
  get answered(): AbortSignal {
    return this.taken.signal;
  }

  /** Takes an address as the server would; false when its `state` is another one. */
  take(answer: URL): boolean {
    if (answer.searchParams.get("state") !== this.state) return false;
    this.accept(answer);
    this.taken.abort();
    return true;
  }

  /** Ends all connections, those that never asked for anything too, as soon as the answers have left. */
  async close(): Promise<void> {
    const closed = once(this.server, "close");
    this.server.close();
    const late = setTimeout(() => this.server.closeAllConnections(), LEAVE_MS_MAX);
    await Promise.all([...this.leaving].map((response) => once(response, "close")));
    clearTimeout(late);
    this.server.closeAllConnections();
    await closed;
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const expected = new URL(this.redirectUri);
    const url = URL.canParse(request.url ?? "", expected.href) ? new URL(request.url ?? "", expected) : null;
    const refusal = this.refusal(request, expected, url);
    if (refusal !== null) {
      const [status, text] = refusal;
      answer(response, status, page("Not for motekey", text, false));
    } else {
      const isError = url?.searchParams.has("error") === true;
      const text = isError
        ? "The terminal says why."
        : "You can close this page and go back to the terminal.";
      answer(response, 200, page(isError ? "Not logged in" : "Back to the terminal", text, !isError));
    }
  }

  /** Null: this is the answer, and it was taken. */
  private refusal(
    request: IncomingMessage,
    expected: URL,
    url: URL | null,
  ): [status: number, text: string] | null {
    // Another name for this address is a page that was rebound to it.
    if (request.headers.host !== expected.host) return [421, "This address goes by another name."];
    if (url?.pathname !== PATH) return [404, "There is nothing here."];
    if (request.method !== "GET") return [405, "Only a browser's redirect is taken."];
    if (!isNavigation(request)) return [403, "Only a browser's redirect is taken."];
    if (this.answered.aborted) return [410, "The login has had its answer."];
    return this.take(url) ? null : [400, "This answer belongs to another login, or to none."];
  }
}

/** A page's script or form can't pass for the provider's redirect; browsers too old to say so may pass. */
function isNavigation({ headers }: IncomingMessage): boolean {
  const mode = headers["sec-fetch-mode"];
  return headers.origin === undefined && (mode === undefined || mode === "navigate");
}

function answer(response: ServerResponse, status: number, html: string): void {
  response
    .writeHead(status, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      connection: "close",
    })
    .end(html);
}
