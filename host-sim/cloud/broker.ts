import type { IncomingMessage } from "node:http";
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { Aedes, type Client, type PublishPacket } from "aedes";
import { type Channel, MESSAGE_BYTES_MAX, type Receiver, replyTopic, requestSender } from "./channel.js";
import { type ConnectedLogin, connackOf, type Door } from "./door.js";
import type { Encoding } from "./encoding.js";
import type { Events } from "./events.js";
import type { Interference } from "./interference.js";
import { addressOf, listen, placeOf } from "./listen.js";
import { Mqtt5 } from "./mqtt5.js";
import { gateReads } from "./packet-gate.js";
import type { Peers } from "./peers.js";
import type { CloudTls } from "./tls.js";
import type { ConnectProof } from "./types.js";
import { withLevel } from "./version.js";

/** A fleet connects faster than connections are accepted one by one. */
const BACKLOG = 4096;
const CLIENT_ID_CHARACTERS_MAX = 128;

/** What the broker works with. */
export interface BrokerParts {
  door: Door;
  peers: Peers;
  events: Events;
  interference: Interference;
  receiver: Receiver;
  /** null: plain TCP. */
  tls: CloudTls | null;
  /** The highest version that is spoken, 4 (3.1.1) or 5. */
  mqttVersion: 4 | 5;
  /** Who has not connected by then is disconnected. */
  connectLimitMs: number;
}

/**
 * The embedded broker, MQTT 3.1.1 by aedes and 5 by {@link Mqtt5} on one port: whoever connects is a client of
 * the registry and sees its own topics only.
 */
export class Broker implements Channel {
  readonly url: string;
  readonly port: number;
  private connections = new Map<string, { client: Client; proof: ConnectProof }>();
  private judged = new WeakMap<Client, ConnectedLogin>();
  private five: Mqtt5;
  private place: ListenOptions | null = null;

  private constructor(
    private parts: BrokerParts,
    private aedes: Aedes,
    private server: Server,
    private sockets: Set<Socket>,
  ) {
    const { address, port } = server.address() as AddressInfo;
    this.port = port;
    this.url = `${parts.tls === null ? "mqtt" : "mqtts"}://${address.includes(":") ? `[${address}]` : address}:${port}`;
    this.five = new Mqtt5({
      ...parts,
      isHeld: (id) => this.isHeld(id),
      entered: (id) => this.entered(id),
      left: (id) => parts.peers.endMacSession(id),
    });
    this.guard();
    this.watch();
  }

  /** Listens; rejects when the port is taken. */
  static async start(host: string, port: number, parts: BrokerParts): Promise<Broker> {
    const { tls, connectLimitMs: connectTimeout } = parts;
    const aedes = await Aedes.createBroker({
      maxClientsIdLength: CLIENT_ID_CHARACTERS_MAX,
      connectTimeout,
      // No queue: mqemitter empties one by recursion, and a thousand requests at once would overflow the stack.
      concurrency: 0,
    });
    const sockets = new Set<Socket>();
    const handle = (socket: Socket): void => broker.accept(socket, null);
    const server =
      tls === null
        ? createServer({ noDelay: true }, handle)
        : createTlsServer({ noDelay: true, handshakeTimeout: connectTimeout, ...tls.serverOptions }, handle);
    // Also of connections whose handshake is not done.
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    tls?.watch(server);
    try {
      await listen(server, "MQTT", { host, port, backlog: BACKLOG });
    } catch (failure) {
      aedes.close();
      throw failure;
    }
    const broker = new Broker(parts, aedes, server, sockets);
    return broker;
  }

  /** Takes a connection that speaks MQTT. @param request what it began with, where MQTT runs inside something else */
  accept(stream: Duplex, request: IncomingMessage | null): void {
    const handleFour = (): void => {
      gateReads(stream, () =>
        this.parts.events.emit({ event: "dropped", id: "", reason: "packet-too-long" }),
      );
      this.aedes.handle(stream, request ?? undefined);
    };
    if (this.parts.mqttVersion === 4) handleFour();
    else {
      withLevel(stream, this.parts.connectLimitMs, (level) => {
        if (level === 5) this.five.handle(stream, request?.socket ?? stream);
        else handleFour();
      });
    }
  }

  send(id: string, message: Uint8Array, encoding: Encoding): void {
    this.five.send(id, message, encoding);
    const payload = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    const packet: PublishPacket = {
      cmd: "publish",
      topic: replyTopic(id, encoding),
      payload,
      qos: 1,
      retain: false,
      dup: false,
    };
    this.aedes.publish(packet, () => {});
  }

  kick(id: string): boolean {
    const connection = this.connections.get(id);
    const isFive = this.five.proofOf(id) !== undefined;
    if (connection === undefined && !isFive) return false;
    this.parts.events.emit({ event: "kicked", id });
    connection?.client.close();
    this.five.kick(id, "kicked");
    return true;
  }

  kickAll(): void {
    for (const id of [...this.connections.keys(), ...this.five.ids]) this.kick(id);
  }

  /** Takes no new connection; those that are open stay. */
  stopListening(): void {
    this.server.close();
  }

  away(): void {
    this.place ??= placeOf(this.server);
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  async back(): Promise<void> {
    if (!this.server.listening) await listen(this.server, "MQTT", { ...this.place, backlog: BACKLOG });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    await new Promise<void>((resolve) => this.aedes.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** The hooks that decide what a client may do. */
  private guard(): void {
    this.aedes.authenticate = (client, username, password, done) => {
      const { id } = client;
      const socket = client.req?.socket ?? client.conn;
      const link = this.parts.tls?.identityOf(socket) ?? null;
      const address = addressOf(socket);
      const visitor = { id, userName: username, password, link, isHeld: this.isHeld(id), address };
      this.parts.door.admit(visitor, (judgement) => {
        if ("proof" in judgement) {
          this.judged.set(client, { id, ...judgement });
          done(null, true);
          return;
        }
        const { reason } = judgement;
        const returnCode = connackOf(judgement);
        this.parts.events.emit({ event: "connect-refused", id, returnCode, reason });
        done(Object.assign(new Error(reason), { returnCode }), false);
      });
    };
    this.aedes.authorizePublish = (client, packet, done) => {
      const id = client === null ? "" : client.id;
      // Nothing is retained: a device could fill the broker's memory topic by topic.
      packet.retain = false;
      if (requestSender(packet.topic) !== null && packet.payload.length > MESSAGE_BYTES_MAX) {
        this.parts.events.emit({ event: "dropped", id, reason: "too-long" });
        return done(new Error("Longer than a frame may be"));
      }
      if (this.parts.door.mayWrite(this.loginOf(client), packet.topic)) return done(null);
      this.parts.events.emit({ event: "topic-refused", id, topic: packet.topic, action: "publish" });
      done(new Error("Not a topic of this client"));
    };
    this.aedes.authorizeSubscribe = (client, subscription, done) => {
      if (this.parts.door.mayRead(this.loginOf(client), subscription.topic)) return done(null, subscription);
      const { topic } = subscription;
      this.parts.events.emit({ event: "topic-refused", id: client.id, topic, action: "subscribe" });
      done(null, null);
    };
    this.aedes.authorizeForward = (client, packet) =>
      this.parts.door.mayRead(this.loginOf(client), packet.topic) ? packet : null;
    this.aedes.published = (packet, client, done) => {
      const sender = requestSender(packet.topic);
      if (client !== null && sender?.id === client.id) {
        const { proof } = this.loginOf(client);
        void this.parts.receiver.receive(this, client.id, proof, packet.payload as Buffer, sender.encoding);
      }
      done();
    };
  }

  /** Follows who is connected. */
  private watch(): void {
    const { events, peers, interference } = this.parts;
    this.aedes.on("client", (client) => {
      const proof = this.loginOf(client).proof;
      this.five.kick(client.id, "takeover");
      this.connections.set(client.id, { client, proof });
      peers.endMacSession(client.id);
      events.emit({ event: "connected", id: client.id, proof });
      if (proof === "recover") setTimeout(() => client.close(), this.parts.connectLimitMs).unref();
    });
    this.aedes.on("clientDisconnect", (client) => {
      // After a take-over the end of the old connection may come later than the new one.
      if (this.connections.get(client.id)?.client === client) {
        this.connections.delete(client.id);
        peers.endMacSession(client.id);
      }
      events.emit({ event: "disconnected", id: client.id });
    });
    this.aedes.on("subscribe", (subscriptions, client) => {
      const topics = subscriptions
        .map(({ topic }) => topic)
        .filter((topic) => this.parts.door.mayRead(this.loginOf(client), topic));
      events.emit({ event: "subscribed", id: client.id, topics });
    });
    this.aedes.on("connackSent", (packet, client) => {
      if (packet.returnCode === 0 && interference.kicks()) this.kick(client.id);
    });
  }

  private loginOf(client: Client | null): ConnectedLogin {
    const login = client === null ? undefined : this.judged.get(client);
    return login ?? { id: client?.id ?? "", proof: "none", role: "device" };
  }

  /** Somebody who proved to be of this id is connected. */
  private isHeld(id: string): boolean {
    const proof = this.connections.get(id)?.proof ?? this.five.proofOf(id) ?? "none";
    return proof !== "none";
  }

  /** A client is in over MQTT 5. */
  private entered(id: string): void {
    this.connections.get(id)?.client.close();
    this.parts.peers.endMacSession(id);
  }
}
