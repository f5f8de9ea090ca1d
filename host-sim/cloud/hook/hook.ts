import type { IncomingMessage, ServerResponse } from "node:http";
import { BlockList, isIP } from "node:net";
import { readBody } from "../body.js";
import type { Events } from "../events.js";
import { sameSecret } from "../secret.js";
import type { CloudTls } from "../tls.js";
import type { HookOptions } from "../types.js";
import type { Dialect } from "./dialect.js";
import { Emqx } from "./emqx.js";
import type { Gatekeeper } from "./gatekeeper.js";
import { RabbitMq } from "./rabbitmq.js";

/** Below it stand the questions of brokers: `/hook/rabbitmq/user` and so on. */
export const HOOK_PATH = "/hook/";
/** As much as a CONNECT may have. */
const BODY_BYTES_MAX = 8_192;
const DEFAULT_VHOST = "/";
const AUTHORIZATION = /^(Basic|Bearer) +([\x21-\x7e]+)$/i;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** What the hook works with. */
export interface HookParts {
  gatekeeper: Gatekeeper;
  events: Events;
  /** The address that it is served on. */
  host: string;
  /** null: plain HTTP. */
  tls: CloudTls | null;
}

/**
 * Where other brokers ask who may log in, and who may use a topic. A broker has to show what the options say; whatever
 * is no question is answered by no, and what no broker would send by an error, which brokers take for no.
 */
export class Hook {
  private readonly dialects: ReadonlyMap<string, Dialect>;

  /** @throws Error that says what to do where other machines could ask, and nothing would distinguish them from a broker */
  constructor(
    private readonly options: HookOptions,
    private readonly parts: HookParts,
  ) {
    const { secret, certificate, vhost = DEFAULT_VHOST } = options;
    const { host, tls, gatekeeper } = parts;
    if (certificate !== undefined && tls === null)
      throw new Error(
        'hook.certificate needs TLS; start the cloud with tls: { clientCertificates: "required", … }',
      );
    if (secret === undefined && certificate === undefined && !isLoopback(host))
      throw new Error(
        `Others than this machine can reach the hook on ${host}; give hook.secret, or hook.certificate over TLS`,
      );
    this.dialects = new Map<string, Dialect>([
      ["rabbitmq", new RabbitMq(gatekeeper, vhost)],
      ["emqx", new Emqx(gatekeeper)],
    ]);
  }

  /** Answers a request below {@link HOOK_PATH}. */
  async serve(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [broker = "", name = "", ...more] = path.slice(HOOK_PATH.length).split("/");
    const dialect = this.dialects.get(broker);
    const question = more.length === 0 ? dialect?.questions.get(name) : undefined;
    if (dialect === undefined || question === undefined)
      return refuse(response, 404, `There are ${this.paths}`);
    if (!this.isBroker(request))
      return refuse(response, 401, "Show the secret, or the certificate, of the hook");
    if (request.method !== "POST") return refuse(response, 405, "Use POST", { allow: "POST" });
    const type = (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
    if (type !== dialect.asksIn) return refuse(response, 415, `Ask in ${dialect.asksIn}`);
    const body = await readBody(request, BODY_BYTES_MAX);
    // What is still on its way is not waited for.
    if (body === null) response.once("finish", () => request.destroy());
    const fields = body === null ? null : dialect.fieldsOf(body.toString("utf8"));
    if (fields === null) this.drop(body === null ? "hook-too-long" : "hook-malformed");
    const isYes = fields !== null && (await question(fields));
    response.writeHead(200, {
      "content-type": dialect.answersIn,
      ...((body === null || !dialect.isKeptAlive) && { connection: "close" }),
    });
    response.end(isYes ? dialect.yes : dialect.no);
  }

  private get paths(): string {
    const paths = [...this.dialects].flatMap(([broker, { questions }]) =>
      [...questions.keys()].map((name) => `${HOOK_PATH}${broker}/${name}`),
    );
    return paths.join(", ");
  }

  /** Whether all that the options ask of a broker is shown. */
  private isBroker(request: IncomingMessage): boolean {
    const { secret, certificate } = this.options;
    const isCertain = certificate === undefined || this.certificateOf(request) === certificate;
    return isCertain && (secret === undefined || sameSecret(secretOf(request), secret));
  }

  private certificateOf(request: IncomingMessage): string | null {
    const link = this.parts.tls?.identityOf(request.socket) ?? null;
    return link?.proof === "certificate" ? link.id : null;
  }

  private drop(reason: string): void {
    this.parts.events.emit({ event: "dropped", id: "", reason });
  }
}

/** What stands behind `Bearer`, or is the password of `Basic` (RFC 6750, 7617): RabbitMQ makes that of its URL. */
function secretOf(request: IncomingMessage): string {
  const [, scheme = "", shown = ""] = AUTHORIZATION.exec(request.headers.authorization ?? "") ?? [];
  if (scheme.toLowerCase() !== "basic") return shown;
  return /^[^:]*:(.*)$/s.exec(Buffer.from(shown, "base64").toString("utf8"))?.[1] ?? "";
}

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host === "localhost";
  return LOOPBACK.check(host, version === 6 ? "ipv6" : "ipv4");
}

function refuse(
  response: ServerResponse,
  status: number,
  sentence: string,
  headers: Record<string, string> = {},
): void {
  response
    .writeHead(status, { "content-type": "text/plain", connection: "close", ...headers })
    .end(`${sentence}\n`);
}
