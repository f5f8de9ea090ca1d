import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import mqtt, { type IConnackPacket, type ISubackPacket, type Packet } from "mqtt-packet";

/** A reply as a test reads it. */
export interface Reply {
  v?: number;
  src?: string;
  dst?: string;
  id?: number;
  tag?: string;
  // biome-ignore lint/suspicious/noExplicitAny: results have the shape that the test asserts.
  result?: any;
  error?: { code: number; message: string; retry_after?: number };
}

export interface ConnectOptions {
  id: string;
  username?: string;
  password?: string;
  clean?: boolean;
  /** For `mqtts:`. */
  tls?: ConnectionOptions;
  /** Of this machine, where it is not to come from 127.0.0.1. */
  localAddress?: string;
}

interface Waiter {
  accepts: (packet: Packet) => boolean;
  resolve: (packet: Packet) => void;
  reject: (reason: Error) => void;
}

/** A raw MQTT 3.1.1 client for tests: mqtt-packet on a socket, nothing hidden. */
export class Client {
  returnCode = -1;
  private packets: Packet[] = [];
  private waiters: Waiter[] = [];
  private closed = false;
  private nextMessageId = 1;
  private nextRequestId = 1000;

  private constructor(
    private socket: Socket,
    readonly id: string,
  ) {
    const parser = mqtt.parser();
    parser.on("packet", (packet) => this.take(packet));
    socket.on("data", (bytes) => parser.parse(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
      for (const waiter of this.waiters.splice(0)) waiter.reject(new Error("The connection is closed"));
    });
  }

  /** Connects and sends CONNECT; resolves at CONNACK, also at one that refuses. */
  static async open(url: string, options: ConnectOptions): Promise<Client> {
    const { protocol, hostname: host, port } = new URL(url);
    const isTls = protocol === "mqtts:";
    const { localAddress } = options;
    const from = localAddress === undefined ? {} : { localAddress };
    const address = { host, port: Number(port), noDelay: true, ...from };
    const socket = isTls ? connectTls({ ...address, ...options.tls }) : connect(address);
    await once(socket, isTls ? "secureConnect" : "connect");
    const client = new Client(socket, options.id);
    client.write({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clientId: options.id,
      clean: options.clean ?? true,
      keepalive: 60,
      ...(options.username === undefined ? {} : { username: options.username }),
      ...(options.password === undefined ? {} : { password: Buffer.from(options.password) }),
    });
    const connack = (await client.next((packet) => packet.cmd === "connack")) as IConnackPacket;
    client.returnCode = connack.returnCode ?? -1;
    return client;
  }

  /** Connects with the PSK as the password and subscribes to its replies. */
  static async ready(url: string, device: { id: string; psk: string }): Promise<Client> {
    const client = await Client.open(url, { id: device.id, username: device.id, password: device.psk });
    if (client.returnCode !== 0) throw new Error(`CONNACK ${client.returnCode}`);
    await client.subscribe(`${device.id}/rpc/#`);
    return client;
  }

  write(packet: Packet): void {
    mqtt.writeToStream(packet, this.socket);
  }

  /** @returns the granted QoS, 128: refused */
  async subscribe(topic: string): Promise<number> {
    const messageId = this.nextMessageId++;
    this.write({ cmd: "subscribe", messageId, subscriptions: [{ topic, qos: 1 }] });
    const isOurs = (packet: Packet) => packet.cmd === "suback" && packet.messageId === messageId;
    return ((await this.next(isOurs)) as ISubackPacket).granted[0] as number;
  }

  publish(topic: string, payload: string | Buffer, retain = false): void {
    const messageId = this.nextMessageId++;
    this.write({ cmd: "publish", topic, payload, qos: 1, messageId, retain, dup: false });
  }

  /** Publishes a message on our own request topic. */
  send(message: string | Buffer): void {
    this.publish(`cloud/from/${this.id}/rpc`, message);
  }

  /** The next message that comes to us, as text. */
  async message(): Promise<string> {
    return (await this.messageBytes()).toString();
  }

  /** The next message that comes to us. */
  async messageBytes(): Promise<Buffer> {
    const packet = await this.next((one) => one.cmd === "publish");
    return packet.cmd === "publish" ? Buffer.from(packet.payload) : Buffer.alloc(0);
  }

  /** Sends a request frame and takes the next message as its reply. */
  async call(method: string, args?: object, more: object = {}): Promise<Reply> {
    this.send(JSON.stringify({ v: 2, src: this.id, id: this.nextRequestId++, method, args, ...more }));
    return JSON.parse(await this.message());
  }

  /** How many messages lie unread. */
  get unread(): number {
    return this.packets.filter((packet) => packet.cmd === "publish").length;
  }

  /** Resolves when the other side has closed. */
  async ended(): Promise<void> {
    // A reset is an end too, where `once` would reject on its error event.
    if (!this.closed) await new Promise((resolve) => this.socket.once("close", resolve));
  }

  close(): void {
    this.socket.destroy();
  }

  private next(accepts: (packet: Packet) => boolean): Promise<Packet> {
    const at = this.packets.findIndex(accepts);
    if (at >= 0) return Promise.resolve(this.packets.splice(at, 1)[0] as Packet);
    if (this.closed) return Promise.reject(new Error("The connection is closed"));
    return new Promise((resolve, reject) => this.waiters.push({ accepts, resolve, reject }));
  }

  private take(packet: Packet): void {
    if (packet.cmd === "publish" && packet.qos === 1) {
      this.write({ cmd: "puback", messageId: packet.messageId as number });
    }
    const at = this.waiters.findIndex((waiter) => waiter.accepts(packet));
    if (at >= 0) this.waiters.splice(at, 1)[0]?.resolve(packet);
    else this.packets.push(packet);
  }
}
