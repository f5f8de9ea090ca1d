import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { type Channel, REQUEST_FILTERS, type Receiver, replyTopic, requestSender } from "./channel.js";
import type { Encoding } from "./encoding.js";
import { PSK_SUITES } from "./tls.js";
import type { BrokerTls } from "./types.js";

const CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "mqtt:": 1883, "mqtts:": 8883 };

/**
 * The cloud as a client of another broker. Its user there must be allowed to read `cloud/from/+/rpc` and to
 * write `+/rpc` (and the same with `-cbor`, for devices that speak it), and it should be the only one who may write there.
 */
export class Attachment implements Channel {
  readonly url: string;
  readonly port: number;

  private constructor(
    private client: MqttClient,
    broker: URL,
    private receiver: Receiver,
    private topicsBound: boolean,
  ) {
    this.port = broker.port === "" ? (DEFAULT_PORTS[broker.protocol] ?? 0) : Number(broker.port);
    this.url = `${broker.protocol}//${broker.hostname}:${this.port}`;
    client.on("message", (topic, payload) => this.take(topic, payload));
  }

  /**
   * Connects and subscribes; rejects when the broker refuses either.
   * @param broker `mqtt://user:password@host:port`, or `mqtts:`; with a certificate of its own, no password
   * @param topicsBound the broker binds `cloud/from/<id>/#` to the user `<id>`
   */
  static async start(
    broker: string,
    topicsBound: boolean,
    tls: BrokerTls,
    receiver: Receiver,
  ): Promise<Attachment> {
    const url = new URL(broker);
    const shown = `${url.protocol}//${url.host}`;
    // Brokers that tie the client id to the user name refuse, or rewrite, any other.
    const clientId = decodeURIComponent(url.username) || `motekey-cloud-${randomBytes(4).toString("hex")}`;
    let client: MqttClient;
    try {
      // A user name beside a certificate or key would be an attempt to log in by password.
      if (tls.cert !== undefined || tls.psk !== undefined) url.username = "";
      const options = { ...tlsOptions(tls, clientId), clientId, connectTimeout: CONNECT_TIMEOUT_MS };
      client = await connectAsync(url.href, options, false);
    } catch (failure) {
      throw new Error(`Cannot connect to the broker ${shown}; check its address, user and password`, {
        cause: failure,
      });
    }
    disableNagle(client);
    client.on("connect", () => disableNagle(client));
    // Without a listener a lost broker would end the process; MQTT.js reconnects by itself.
    client.on("error", () => {});
    const attachment = new Attachment(client, url, receiver, topicsBound);
    try {
      const grants = await client.subscribeAsync(REQUEST_FILTERS, { qos: 1 });
      if (grants[0] === undefined || grants[0].qos > 2) throw new Error("SUBACK 0x80");
    } catch (failure) {
      await client.endAsync(true);
      throw new Error(`The broker ${shown} refuses the cloud ${REQUEST_FILTERS[0]}; let its user read that`, {
        cause: failure,
      });
    }
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

  async close(): Promise<void> {
    await this.client.endAsync(true);
  }

  private take(topic: string, payload: Buffer): void {
    const sender = requestSender(topic);
    if (sender === null) return;
    this.receiver.receive(this, sender.id, this.topicsBound ? "broker" : "none", payload, sender.encoding);
  }
}

/** MQTT.js hands these on to node:tls, and does not say so. */
type TlsClientOptions = IClientOptions &
  Pick<ConnectionOptions, "checkServerIdentity" | "ciphers" | "pskCallback">;

function tlsOptions({ psk, ...certificates }: BrokerTls, identity: string): TlsClientOptions {
  if (psk === undefined) return certificates;
  return {
    ca: [],
    ciphers: PSK_SUITES,
    pskCallback: () => ({ identity, psk: Buffer.from(psk, "utf8") }),
    // Without a certificate there is no name to check; with one there would be no trust anchor.
    checkServerIdentity: () => undefined,
  };
}

/** Without this QoS 1 messages back to back take 40 ms each: Nagle's algorithm waits for a delayed ACK. */
function disableNagle(client: MqttClient): void {
  if (client.stream instanceof Socket) client.stream.setNoDelay(true);
}
