import { randomBytes } from "node:crypto";
import { connect, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { type ErrorWithSubackPacket, MqttClient } from "mqtt";
import type { BrokerAddress } from "./broker-address.js";
import { brokerFailure, brokerLoss } from "./broker-failure.js";
import {
  type BrokerBinding,
  brokerVoucher,
  type Channel,
  type Receiver,
  replyTopic,
  requestFilter,
  requestSender,
  requestTopic,
} from "./channel.js";
import type { Encoding } from "./encoding.js";
import type { Events } from "./events.js";
import type { Health } from "./health.js";
import { gateData, PACKET_BYTES_MAX, PacketGate } from "./packet-gate.js";
import { PSK_SUITES } from "./tls.js";
import type { BrokerTls } from "./types.js";

const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_MS = 1_000;
/** What SUBACK says of a filter that is not granted (MQTT 3.1.1, 3.9.3). */
const REFUSED = 0x80;
/** NATS holds its first client for four seconds. */
const WAY_TIMEOUT_MS = 6_000;
const WAY = /^motekey way [A-Za-z0-9_-]{22}$/;

/** What the attachment works with. */
export interface AttachmentParts extends BrokerBinding {
  /** With a certificate of its own, no password. */
  broker: BrokerAddress;
  tls: BrokerTls;
  /** Whose shared subscription (MQTT 5, 4.8.2) the requests come by: all replicas of a service; null: all are ours. */
  group: string | null;
  /** Those that devices may speak. */
  encodings: readonly Encoding[];
  receiver: Receiver;
  events: Events;
  health: Health;
}

/**
 * The cloud as a client of another broker. Its user there must be allowed to read `cloud/from/+/rpc`, to write
 * `+/rpc` and `cloud/from/<user>/rpc` (and the same with `-cbor`, for devices that speak it), and it should be the
 * only one who may write the second. It reconnects whenever the broker drops it, and reports what keeps it from that.
 * What the broker retained is no request, and a packet of more than 1 MiB ends the connection before it is buffered.
 */
export class Attachment implements Channel {
  readonly url: string;
  readonly port: number;
  /** Requests to itself that have not come back: by the text of each, who waits. */
  private readonly ways = new Map<string, () => void>();
  private isClosed = false;

  private constructor(
    private readonly client: MqttClient,
    address: BrokerAddress,
    /** Its name in topics: its user there. */
    private readonly id: string,
    private readonly line: Line,
    private readonly parts: AttachmentParts,
  ) {
    this.port = address.port;
    this.url = address.url;
    client.on("message", (topic, payload, { retain }) => this.take(topic, payload, retain));
  }

  /** Connects, subscribes and has a request come back to itself; rejects with what keeps it from any of these. */
  static async start(parts: AttachmentParts): Promise<Attachment> {
    const { tls, broker: address } = parts;
    // Brokers that tie the client id to the user name refuse, or rewrite, any other.
    const name = `motekey-cloud-${randomBytes(4).toString("hex")}`;
    const id = address.user || name;
    const line: Line = { failure: null, wasAccepted: false };
    const openGated = (): Socket => {
      const socket = openStream(address, tls, id, line);
      gateData(socket, new PacketGate(PACKET_BYTES_MAX, PACKET_BYTES_MAX), () => {
        line.failure = new PacketTooLong(address.url);
        parts.events.emit({ event: "dropped", id: "", reason: "packet-too-long" });
      });
      return socket;
    };
    const client = new MqttClient(openGated, {
      // Replicas may have one user: no client id is two replicas'.
      clientId: parts.group !== null && address.user !== "" ? `${id}-${name.slice(-8)}` : id,
      // A user name beside a certificate or key would be an attempt to log in by password.
      ...(tls.cert === undefined && tls.psk === undefined && address.user !== "" && { username: id }),
      ...(address.password !== undefined && { password: address.password }),
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: RECONNECT_MS,
      // Without it MQTT.js gives up at the first CONNACK that refuses a *re*connect.
      reconnectOnConnackError: true,
      // All grants are looked at again, and the way is proved again.
      resubscribe: false,
    });
    client.on("connect", () => {
      line.wasAccepted = true;
    });
    client.on("error", (failure) => {
      line.failure ??= failure;
      // After a malformed packet MQTT.js would read on.
      client.stream.destroy();
    });
    const attachment = new Attachment(client, address, id, line, parts);
    try {
      await attachment.connected();
      await attachment.enter();
    } catch (failure) {
      await attachment.close();
      throw failure;
    }
    attachment.stay();
    return attachment;
  }

  send(id: string, message: Uint8Array, encoding: Encoding): void {
    const payload = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    this.client.publish(replyTopic(id, encoding), payload, { qos: 1, retain: false }, () => {});
  }

  /** Another broker's clients are not ours to close. */
  kick(): boolean {
    return false;
  }

  kickAll(): void {}

  away(): never {
    throw new Error("This cloud is attached to another broker; stop that one to be away");
  }

  async back(): Promise<void> {}

  /** Takes no new request; replies go out as before. */
  async stop(): Promise<void> {
    await this.client.unsubscribeAsync(this.requestFilters);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.client.endAsync(true);
  }

  /** Resolves when the broker has accepted; rejects when the connection is over before that. */
  private connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.once("connect", () => resolve());
      this.client.once("close", () => {
        reject(this.failed());
      });
    });
  }

  /** From now on the connection is made anew whenever it is lost. */
  private stay(): void {
    this.client.on("connect", () => {
      this.enter().then(
        () => this.told(null),
        (failure: Error) => {
          this.told(failure.message);
          // MQTT.js comes back as after any other loss.
          this.client.stream.destroy();
        },
      );
    });
    this.client.on("close", () => {
      // What was found out while it was there says more than its end.
      if (this.line.failure !== null || !this.parts.health.has("broker")) this.told(this.failed().message);
    });
  }

  /** The connection is over, and why. */
  private failed(): Error {
    const { failure, wasAccepted } = this.line;
    if (failure instanceof PacketTooLong) return failure;
    const cause = failure === null ? undefined : failure;
    const sentence = wasAccepted
      ? `Lost the broker ${this.url}: ${brokerLoss(failure)}`
      : `Cannot connect to the broker ${this.url}: ${brokerFailure(failure)}`;
    return new Error(sentence, { cause });
  }

  /** @param trouble null: attached */
  private told(trouble: string | null): void {
    const { events, health } = this.parts;
    if (this.isClosed || !health.set("broker", trouble)) return;
    if (trouble === null) events.emit({ event: "broker-attached" });
    else events.emit({ event: "broker-lost", reason: trouble });
  }

  private async enter(): Promise<void> {
    await this.subscribe();
    // A broker may grant what its rules forbid, and acknowledge what it drops.
    await Promise.all(this.parts.encodings.map((encoding) => this.proveWay(encoding)));
  }

  private get requestFilters(): string[] {
    const { encodings, group } = this.parts;
    const share = group === null ? "" : `$share/${group}/`;
    return encodings.map((encoding) => share + requestFilter(encoding));
  }

  private async subscribe(): Promise<void> {
    const filters = [...this.requestFilters, ...(this.parts.group === null ? [] : [this.ownReplies])];
    const granted = await this.client.subscribeAsync(filters, { qos: 1 }).then(
      (grants) => grants.map(({ qos }) => Number(qos)),
      (failure: Error & Partial<ErrorWithSubackPacket>) => {
        if (failure.packet === undefined) throw this.failed();
        return failure.packet.granted.map(Number);
      },
    );
    const refused = filters.filter((_, index) => (granted[index] ?? REFUSED) > 2);
    if (refused.length === 0) return;
    throw new Error(
      `The broker ${this.url} refuses the cloud ${refused.join(" and ")}; let its user ${this.id} read that`,
    );
  }

  /** Where another replica that got our way hands it on. */
  private get ownReplies(): string {
    return replyTopic(this.id, "json");
  }

  /** A request to itself, as a device would send it. */
  private async proveWay(encoding: Encoding): Promise<void> {
    const topic = requestTopic(this.id, encoding);
    const way = `motekey way ${randomBytes(16).toString("base64url")}`;
    const came = await new Promise<"back" | "late" | "lost">((resolve) => {
      const timer = setTimeout(() => resolve("late"), WAY_TIMEOUT_MS);
      this.client.once("close", () => {
        clearTimeout(timer);
        resolve("lost");
      });
      this.ways.set(way, () => {
        clearTimeout(timer);
        resolve("back");
      });
      this.client.publish(topic, way, { qos: 1, retain: false }, () => {});
    });
    this.ways.delete(way);
    if (came === "back") return;
    if (came === "lost") throw this.failed();
    if (this.parts.group !== null) {
      throw new Error(
        `The broker ${this.url} does not carry requests to the service: one that its user ${this.id} sent to ${topic} came to no replica. Let that user write ${topic}, read ${requestFilter(encoding)}, and write and read ${this.ownReplies}. RabbitMQ and NATS grant shared subscriptions and deliver nothing to them: give their own protocol, amqp: or nats:`,
      );
    }
    const off = encoding === "cbor" ? ", or switch CBOR off (extensions: { cbor: false })" : "";
    throw new Error(
      `The broker ${this.url} does not carry requests to the cloud: one that its user ${this.id} sent to ${topic} did not come back. Let that user write ${topic} and read ${requestFilter(encoding)}${off}; where it logs in by certificate, name it in the URL: mqtts://${this.id}@…`,
    );
  }

  /** Is this one of our ways that are out? */
  private wayCame(payload: Buffer): boolean {
    const way = this.ways.get(payload.toString("latin1"));
    way?.();
    return way !== undefined;
  }

  /** @param isKept the broker had it before we subscribed */
  private take(topic: string, payload: Buffer, isKept: boolean): void {
    const sender = requestSender(topic);
    if (sender === null) {
      if (topic === this.ownReplies) this.wayCame(payload);
    } else if (isKept) {
      // It would be carried out again whenever we come back.
      this.parts.events.emit({ event: "dropped", id: sender.id, reason: "retained" });
    } else if (WAY.test(payload.toString("latin1", 0, 64))) {
      // Of a shared subscription the broker picks one; whose way it was, all replicas of that user hear.
      if (!this.wayCame(payload) && this.parts.group !== null) this.send(sender.id, payload, "json");
    } else if (sender.id !== this.id) {
      const { receiver } = this.parts;
      void receiver.receive(this, sender.id, brokerVoucher(sender.id, this.parts), payload, sender.encoding);
    }
  }
}

/** Which packet of the broker ended the connection: its rest was not waited for. */
class PacketTooLong extends Error {
  constructor(url: string) {
    super(
      `The broker ${url} sent the cloud a packet of more than ${PACKET_BYTES_MAX} bytes, and the cloud closed the connection; limit the size of messages there`,
    );
  }
}

/** What ended the connection under way; null: nothing that anybody said. */
interface Line {
  failure: Error | null;
  /** CONNACK came. */
  wasAccepted: boolean;
}

/** A socket of ours, since MQTT.js keeps most of a socket's errors to itself. */
function openStream({ host, port, isSecure }: BrokerAddress, tls: BrokerTls, id: string, line: Line): Socket {
  line.failure = null;
  line.wasAccepted = false;
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const socket = isSecure
    ? connectTls({ host, port, ...servername, ...tlsOptions(tls, id) })
    : connect({ host, port });
  // Without this QoS 1 messages back to back take 40 ms each: Nagle's algorithm waits for a delayed ACK.
  socket.setNoDelay(true);
  socket.on("error", (failure) => {
    line.failure ??= failure;
  });
  return socket;
}

function tlsOptions({ psk, ...certificates }: BrokerTls, identity: string): ConnectionOptions {
  if (psk === undefined) return certificates;
  return {
    ca: [],
    ciphers: PSK_SUITES,
    pskCallback: () => ({ identity, psk: Buffer.from(psk, "utf8") }),
    // Without a certificate there is no name to check; with one there would be no trust anchor.
    checkServerIdentity: () => undefined,
  };
}
