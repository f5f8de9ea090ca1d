import type { RequestListener, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CONNECT_LIMIT_MS, makeHttpServer } from "../http-server.js";
import { listen } from "../listen.js";
import { type IdentityFaults, struckDown } from "./faults.js";
import type { IdentityOptions } from "./types.js";

const DEFAULT_HOST = "127.0.0.1";

/** The HTTP side. It listens before it can answer, since its port is part of the issuer's name. */
export class IdentityServer {
  readonly issuer: string;
  private answerWith: (listener: RequestListener) => void;

  private constructor(
    private server: Server,
    { host, tls }: IdentityOptions,
    faults: IdentityFaults,
  ) {
    this.issuer = issuerOf(server, host, tls !== undefined);
    let open: (listener: RequestListener) => void = () => {};
    const listener = new Promise<RequestListener>((resolve) => {
      open = resolve;
    });
    this.answerWith = open;
    server.on("request", (request, response) => {
      const answer = async (): Promise<void> => {
        if (!(await struckDown(faults, request, response))) (await listener)(request, response);
      };
      answer().catch(() => response.destroy());
    });
  }

  /** Listens; rejects when the port is taken, or when the certificate cannot be used. */
  static async listen(options: IdentityOptions, faults: IdentityFaults): Promise<IdentityServer> {
    const server = makeServer(options);
    const { host = DEFAULT_HOST, port = 0 } = options;
    await listen(server, "the identity", { host, port });
    return new IdentityServer(server, options, faults);
  }

  /** Answers from now on, also who has asked already. */
  serve(listener: RequestListener): void {
    this.answerWith(listener);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

function makeServer({ tls, connectLimitMs = CONNECT_LIMIT_MS }: IdentityOptions): Server {
  try {
    return makeHttpServer(connectLimitMs, tls ?? null);
  } catch (failure) {
    throw new Error("The identity cannot use its certificate and key; are both PEM, and do they match?", {
      cause: failure,
    });
  }
}

/** Who listens on all addresses is still reached, and named, by the loopback one. */
function issuerOf(server: Server, host: string | undefined, isTls: boolean): string {
  const { port } = server.address() as AddressInfo;
  const named = host === undefined || host === "0.0.0.0" || host === "::" ? DEFAULT_HOST : host;
  const shown = named.includes(":") ? `[${named}]` : named;
  return `${isTls ? "https" : "http"}://${shown}:${port}`;
}
