import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage, RecoveringChannelModel } from "amqplib";
import type { BrokerAddress } from "../../cloud/broker-address.js";
import { brokerFailure } from "../../cloud/broker-failure.js";
import { brokerVoucher, replyTopic, requestFilter, requestSender, type Sender } from "../../cloud/channel.js";
import { ENCODINGS, type Encoding } from "../../cloud/encoding.js";
import { type BrokerLine, type BrokerLineParts, tellLine } from "./line.js";

/** The exchange that RabbitMQ's MQTT goes through. */
const EXCHANGE = "amq.topic";
/** Requests that one replica has in hand: those of a lost one go to the others. */
const PREFETCH = 64;
/** Nobody waits longer for a reply: RabbitMQ drops a request that no replica took by then. */
const REQUEST_LIFE_MS = 30_000;
/** How many requests may wait for replicas: beyond it the oldest are dropped. */
const QUEUE_BYTES_MAX = 16_777_216;
const HEARTBEAT_S = 10;
const RECONNECT_MAX_MS = 2_000;
/** As the MQTT plugin marks QoS 1. */
const AT_LEAST_ONCE = { "x-mqtt-publish-qos": { "!": "byte", value: 1 } };

/** One request, until it is done and the broker has its replies. */
class Delivery implements Sender {
  private left = 1;
  private isDone = false;

  constructor(
    private readonly channel: ConfirmChannel,
    private readonly done: () => void,
  ) {}

  send(id: string, message: Uint8Array, encoding: Encoding): void {
    this.left++;
    publish(this.channel, id, message, encoding, () => this.settle());
  }

  settle(): void {
    this.left--;
    // A delayed reply to a wrong guess may come later still: nobody waits for it, and it acknowledges nothing again.
    if (this.left === 0 && !this.isDone) {
      this.isDone = true;
      this.done();
    }
  }
}

/**
 * RabbitMQ's own protocol: the replicas are competing consumers of one queue. A request is acknowledged when its reply
 * is the broker's, so that those which a lost replica had in hand come to another one. Over the MQTT plugin, which knows no
 * shared subscription, each replica would get each request; or one alone, and what that had in hand would be lost.
 */
export class AmqpLine implements BrokerLine {
  readonly url: string;
  private model: RecoveringChannelModel | null = null;
  private channel: ConfirmChannel | null = null;
  private consumer = "";
  private isClosed = false;

  private constructor(
    private readonly address: BrokerAddress,
    private readonly parts: BrokerLineParts,
  ) {
    this.url = address.url;
  }

  /** Connects and consumes, or rejects with the reason. From then on it reconnects by itself. */
  static async start(address: BrokerAddress, parts: BrokerLineParts): Promise<AmqpLine> {
    const line = new AmqpLine(address, parts);
    await line.connect();
    return line;
  }

  /** Outside of a request's own way: nothing of ours comes here. */
  send(id: string, message: Uint8Array, encoding: Encoding): void {
    if (this.channel !== null) publish(this.channel, id, message, encoding, () => {});
  }

  async stop(): Promise<void> {
    await this.channel?.cancel(this.consumer).catch(() => {});
  }

  async close(): Promise<void> {
    this.isClosed = true;
    // The broker has the answers; unanswered requests go back into the queue.
    await this.channel?.waitForConfirms().catch(() => {});
    await this.model?.close();
  }

  private async connect(): Promise<void> {
    const { connect, credentials } = await import("amqplib");
    const { host, port, isSecure, user, password } = this.address;
    const { ca, cert, key } = this.parts.tls;
    const byCertificate = cert !== undefined && password === undefined;
    let latest: Error | null = null;
    const place = { protocol: isSecure ? "amqps" : "amqp", hostname: host, port, heartbeat: HEARTBEAT_S };
    try {
      this.model = await connect(
        { ...place, username: user || "guest", ...(password !== undefined && { password }) },
        {
          noDelay: true,
          timeout: HEARTBEAT_S * 1000,
          clientProperties: { connection_name: "motekey-service" },
          ...(byCertificate && { credentials: credentials.external() }),
          ...(ca !== undefined && { ca }),
          ...(cert !== undefined && { cert }),
          ...(key !== undefined && { key }),
          recovery: {
            initialMaxRetries: 0,
            maxDelay: RECONNECT_MAX_MS,
            setup: async (model: ChannelModel): Promise<void> => {
              model.on("error", (failure: Error) => {
                latest = failure;
              });
              await this.enter(model);
            },
          },
        },
      );
    } catch (failure) {
      throw new Error(this.reasonOf(failure as Error), { cause: failure });
    }
    const lost = (failure: Error): void => {
      if (!this.isClosed) tellLine(this.parts, this.reasonOf(latest ?? failure));
      latest = null;
    };
    this.model.on("disconnect", lost);
    this.model.on("connect-failed", lost);
    this.model.on("connect", () => tellLine(this.parts, null));
    this.model.on("error", () => {}); // "disconnect" follows
  }

  /** Declares the queue, binds it to the exchange of MQTT's requests, and consumes. */
  private async enter(model: ChannelModel): Promise<void> {
    const channel = await model.createConfirmChannel();
    let failed: Error | null = null;
    channel.on("error", (failure) => {
      failed = failure;
    });
    const queue = `${this.parts.group}-requests`;
    try {
      await channel.prefetch(PREFETCH);
      await channel.assertQueue(queue, {
        durable: true,
        messageTtl: REQUEST_LIFE_MS,
        arguments: { "x-max-length-bytes": QUEUE_BYTES_MAX },
      });
      for (const encoding of ENCODINGS)
        await channel.bindQueue(queue, EXCHANGE, keyOf(requestFilter(encoding)));
      const { consumerTag } = await channel.consume(queue, (message) => {
        // Somebody deleted the queue: declare it again.
        if (message === null) model.close().catch(() => {});
        else this.take(channel, message);
      });
      this.consumer = consumerTag;
    } catch (failure) {
      throw failed ?? failure;
    }
    // When the broker closes the channel, the whole connection is replaced.
    channel.on("close", () => {
      if (!this.isClosed) model.close().catch(() => {});
    });
    this.channel = channel;
  }

  private take(channel: ConfirmChannel, message: ConsumeMessage): void {
    const sender = requestSender(message.fields.routingKey.replaceAll(".", "/"));
    const delivery = new Delivery(channel, () => {
      if (!this.isClosed) acknowledge(channel, message);
    });
    if (sender === null) {
      delivery.settle();
      return;
    }
    const { receiver } = this.parts;
    const voucher = brokerVoucher(sender.id, this.parts);
    receiver
      .receive(delivery, sender.id, voucher, message.content, sender.encoding)
      .then(() => delivery.settle());
  }

  private reasonOf(failure: Error): string {
    const { url, address } = this;
    const { code, message } = failure as NodeJS.ErrnoException;
    if (/ACCESS[_-]REFUSED/.test(message)) {
      const what = /access to ([^']*)'([^']*)'/.exec(message);
      return what === null
        ? `Cannot connect to the broker ${url}: it refuses user and password; check both`
        : `The broker ${url} refuses the service ${what[1]}${what[2]}; let its user ${address.user} use that`;
    }
    if (/PRECONDITION[_-]FAILED/.test(message))
      return `The broker ${url} has a queue of this name that was made otherwise; delete it, or give another broker.group`;
    if (code === undefined || typeof code === "number")
      return `Lost the broker ${url}: it closed the connection; see its log`;
    return `Cannot connect to the broker ${url}: ${brokerFailure(failure)}`;
  }
}

function keyOf(topic: string): string {
  return topic.replaceAll("/", ".").replaceAll("+", "*");
}

function publish(
  channel: ConfirmChannel,
  id: string,
  message: Uint8Array,
  encoding: Encoding,
  done: () => void,
): void {
  const content = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  try {
    channel.publish(EXCHANGE, keyOf(replyTopic(id, encoding)), content, { headers: AT_LEAST_ONCE }, done);
  } catch {
    // The channel is closed: RabbitMQ delivers again what was not acknowledged on it.
  }
}

function acknowledge(channel: Channel, message: ConsumeMessage): void {
  try {
    channel.ack(message);
  } catch {
    // The channel is closed: the request comes again, and gets the stored reply.
  }
}
