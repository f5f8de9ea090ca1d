import type { NatsConnection, Subscription } from "nats";
import type { BrokerAddress } from "../../cloud/broker-address.js";
import { brokerFailure } from "../../cloud/broker-failure.js";
import { brokerVoucher, replyTopic, requestFilter, requestSender } from "../../cloud/channel.js";
import { ENCODINGS, type Encoding } from "../../cloud/encoding.js";
import { type BrokerLine, type BrokerLineParts, tellLine } from "./line.js";

const CONNECT_LIMIT_MS = 10_000;
const RECONNECT_MS = 1_000;

/**
 * NATS' own protocol: its replicas are a queue group on the subjects that MQTT's topics have there (`a/b` is `a.b`), so
 * that each request comes to one of them. NATS keeps nothing for a replica that is lost: the caller's retry does.
 */
export class NatsLine implements BrokerLine {
  readonly url: string;
  private subscriptions: Subscription[] = [];
  private isClosed = false;

  private constructor(
    private readonly connection: NatsConnection,
    private readonly user: string,
    address: BrokerAddress,
    private readonly parts: BrokerLineParts,
  ) {
    this.url = address.url;
  }

  /** Connects and subscribes, or rejects with the reason. From then on it reconnects by itself. */
  static async start(address: BrokerAddress, parts: BrokerLineParts): Promise<NatsLine> {
    const { connect } = await import("nats");
    const { user, password } = address;
    const connection = await connect({
      servers: `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`,
      name: "motekey-service",
      ...(user !== "" && { user }),
      ...(password !== undefined && { pass: password }),
      tls: address.isSecure ? tlsOf(address, parts) : null,
      timeout: CONNECT_LIMIT_MS,
      reconnectTimeWait: RECONNECT_MS,
      maxReconnectAttempts: -1,
    }).catch((failure: Error) => {
      throw new Error(`Cannot connect to the broker ${address.url}: ${reasonOf(failure, address)}`, {
        cause: failure,
      });
    });
    const line = new NatsLine(connection, user || "cloud", address, parts);
    try {
      await line.enter();
    } catch (failure) {
      await line.close();
      throw failure;
    }
    line.watch().catch(() => {});
    return line;
  }

  send(id: string, message: Uint8Array, encoding: Encoding): void {
    if (!this.connection.isClosed()) this.connection.publish(subjectOf(replyTopic(id, encoding)), message);
  }

  /** `drain()` of the whole connection would lose pending requests: it waits for no handler. */
  async stop(): Promise<void> {
    await Promise.all(this.subscriptions.map((subscription) => subscription.drain()));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    // The replies are on their way.
    await this.connection.flush().catch(() => {});
    await this.connection.close();
  }

  /** NATS says what it forbids before it answers a PING. */
  private async enter(): Promise<void> {
    const refused: string[] = [];
    this.subscriptions = ENCODINGS.map((encoding) => {
      const subject = subjectOf(requestFilter(encoding));
      return this.connection.subscribe(subject, {
        queue: this.parts.group,
        callback: (failure, { subject: from, data }) => {
          if (failure !== null) refused.push(subject);
          else this.take(from, data);
        },
      });
    });
    await this.connection.flush();
    if (refused.length > 0)
      throw new Error(
        `The broker ${this.url} refuses the service ${refused.join(" and ")}; let its user ${this.user} subscribe to that`,
      );
  }

  private take(subject: string, data: Uint8Array): void {
    const sender = requestSender(subject.replaceAll(".", "/"));
    if (sender === null) return;
    const voucher = brokerVoucher(sender.id, this.parts);
    void this.parts.receiver.receive(this, sender.id, voucher, data, sender.encoding);
  }

  /** Watches the connection: reconnects whenever it is lost, and reports what NATS refuses. */
  private async watch(): Promise<void> {
    for await (const { type, data, permissionContext } of this.connection.status()) {
      if (this.isClosed) return;
      if (type === "reconnect") tellLine(this.parts, null);
      else if (type === "disconnect")
        tellLine(this.parts, `Lost the broker ${this.url}: it closed the connection; see its log`);
      else if (type === "error" && permissionContext !== undefined)
        tellLine(
          this.parts,
          `The broker ${this.url} refuses the service ${permissionContext.subject}; let its user ${this.user} ${permissionContext.operation} that`,
        );
      else if (type === "error")
        tellLine(this.parts, `The broker ${this.url} refuses the service: ${String(data)}; check its user`);
    }
  }
}

function subjectOf(topic: string): string {
  return topic.replaceAll("/", ".").replaceAll("+", "*");
}

/** The client names no host to TLS where it is an address: its certificate would have to be that of `localhost`. */
function tlsOf({ host }: BrokerAddress, { tls: { ca, cert, key } }: BrokerLineParts): object {
  return {
    host,
    ...(ca !== undefined && { ca: String(ca) }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/** The client's errors have their own codes; the system's error is their cause. */
function reasonOf(failure: Error, { isSecure }: BrokerAddress): string {
  const { code, chainedError } = failure as Error & { code?: string; chainedError?: Error };
  if (code === "AUTHORIZATION_VIOLATION" || code === "AUTHENTICATION_EXPIRED")
    return "it refuses user and password, or the certificate; check them";
  if (code === "CONNECTION_REFUSED") return brokerFailure({ code: "ECONNREFUSED" });
  if (code === "TIMEOUT" || code === "CONNECTION_TIMEOUT") {
    const reason = brokerFailure({ code: "ETIMEDOUT" });
    // NATS writes that into its log alone, and the client hears nothing.
    return isSecure ? `${reason}, or whether it refuses the certificate that it is shown` : reason;
  }
  return brokerFailure(chainedError ?? failure);
}
