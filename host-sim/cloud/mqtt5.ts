import type { Duplex } from "node:stream";
import {
  generate,
  type IAuthPacket,
  type IConnectPacket,
  type IPublishPacket,
  type ISubscribePacket,
  type Packet,
  type Parser,
  parser,
} from "mqtt-packet";
import { MESSAGE_BYTES_MAX, type Receiver, replyTopic, requestSender, type Sender } from "./channel.js";
import { type ConnectedLogin, type Door, type Refusal, unproven, type Visitor } from "./door.js";
import type { Encoding } from "./encoding.js";
import type { Events } from "./events.js";
import { EXCHANGE_METHOD, Exchange } from "./exchange.js";
import type { Interference } from "./interference.js";
import { addressOf } from "./listen.js";
import { CONNECT_BYTES_MAX, PACKET_BYTES_MAX, PacketGate } from "./packet-gate.js";
import type { CloudTls } from "./tls.js";
import type { ConnectProof, Entity, Role } from "./types.js";

const FIVE = { protocolVersion: 5 } as const;

/** Reason codes (MQTT 5, 2.4). */
enum Reason {
  SUCCESS = 0,
  CONTINUE_AUTHENTICATION = 0x18,
  MALFORMED_PACKET = 0x81,
  PROTOCOL_ERROR = 0x82,
  BAD_USER_NAME_OR_PASSWORD = 0x86,
  NOT_AUTHORIZED = 0x87,
  SERVER_UNAVAILABLE = 0x88,
  BAD_AUTHENTICATION_METHOD = 0x8c,
  KEEP_ALIVE_TIMEOUT = 0x8d,
  SESSION_TAKEN_OVER = 0x8e,
  PACKET_TOO_LARGE = 0x95,
  ADMINISTRATIVE_ACTION = 0x98,
  CONNECTION_RATE_EXCEEDED = 0x9f,
}

/** What the MQTT 5 side works with. */
export interface Mqtt5Parts {
  door: Door;
  tls: CloudTls | null;
  events: Events;
  interference: Interference;
  receiver: Receiver;
  /** Who is not in by then is disconnected. */
  connectLimitMs: number;
  /** Somebody who proved to be of this id is connected. */
  isHeld(id: string): boolean;
  /** A client is in: whoever held its id on the other side is to leave, and what was its session is over. */
  entered(id: string): void;
  left(id: string): void;
}

/** The embedded broker's MQTT 5 side, which shares the port with aedes; that one speaks 3.1.1 alone. */
export class Mqtt5 implements Sender {
  private connections = new Map<string, Mqtt5Connection>();

  constructor(readonly parts: Mqtt5Parts) {}

  /** Serves a connection whose CONNECT asks for version 5. @param socket what it runs over, for its TLS identity */
  handle(stream: Duplex, socket: Duplex): void {
    new Mqtt5Connection(this, stream, socket);
  }

  send(id: string, message: Uint8Array, encoding: Encoding): void {
    this.connections.get(id)?.deliver(message, encoding);
  }

  /** How this id's connection was proved, if it has one here. */
  proofOf(id: string): ConnectProof | undefined {
    return this.connections.get(id)?.proof;
  }

  get ids(): string[] {
    return [...this.connections.keys()];
  }

  /** Ends a connection; false when there is none here. */
  kick(id: string, reason: "kicked" | "takeover"): boolean {
    const connection = this.connections.get(id);
    connection?.end(reason === "kicked" ? Reason.ADMINISTRATIVE_ACTION : Reason.SESSION_TAKEN_OVER);
    return connection !== undefined;
  }

  /** A connection was accepted. */
  enter(connection: Mqtt5Connection): void {
    this.kick(connection.id, "takeover");
    this.connections.set(connection.id, connection);
    this.parts.entered(connection.id);
  }

  /** A connection is over. */
  leave(connection: Mqtt5Connection): void {
    if (this.connections.get(connection.id) !== connection) return;
    this.connections.delete(connection.id);
    this.parts.left(connection.id);
  }
}

/** An exchange under way, and whom it is to prove. */
interface Begun {
  exchange: Exchange;
  visitor: Visitor;
  role: Role;
}

/** One client of {@link Mqtt5}. */
class Mqtt5Connection {
  id = "";
  private login: ConnectedLogin = { id: "", proof: "none", role: "device" };
  private readonly parser: Parser = parser(FIVE);
  private connect: IConnectPacket | null = null;
  private begun: Begun | null = null;
  private isIn = false;
  private isOver = false;
  /** Packets behind a CONNECT that is being judged; null: none is. */
  private waiting: Packet[] | null = null;
  private readonly gate = new PacketGate();
  /** Runs out where nobody came in, later by the keep-alive, and last where the end is not taken note of. */
  private timer: NodeJS.Timeout | null = null;
  private filters = new Map<string, number>();
  private lastIdentifier = 0;

  constructor(
    private readonly side: Mqtt5,
    private readonly stream: Duplex,
    private readonly socket: Duplex,
  ) {
    this.limit(side.parts.connectLimitMs, () => stream.destroy());
    this.parser.on("packet", (packet: Packet) => this.take(packet));
    this.parser.on("error", () => this.end(Reason.MALFORMED_PACKET));
    stream.on("data", (bytes: Buffer) => this.read(bytes));
    stream.on("error", () => {});
    stream.on("close", () => this.closed());
  }

  get proof(): ConnectProof {
    return this.login.proof;
  }

  /** Publishes a message on `<id>/rpc` or `<id>/rpc-cbor`, where the client has subscribed to that. */
  deliver(message: Uint8Array, encoding: Encoding, correlationData?: Buffer): void {
    const topic = replyTopic(this.id, encoding);
    const granted = [...this.filters].find(([filter]) => filter === topic || filter === `${topic}/#`);
    if (granted === undefined) return;
    this.lastIdentifier = (this.lastIdentifier % 65_535) + 1;
    this.send({
      cmd: "publish",
      topic,
      payload: Buffer.from(message.buffer, message.byteOffset, message.byteLength),
      qos: granted[1] as 0 | 1,
      dup: false,
      retain: false,
      messageId: this.lastIdentifier,
      ...(correlationData === undefined ? {} : { properties: { correlationData } }),
    });
  }

  /** Says why, and closes. */
  end(reasonCode: Reason): void {
    if (this.isOver) return;
    if (this.isIn) this.send({ cmd: "disconnect", reasonCode });
    this.close();
  }

  /** Nothing is read any more: behind an error the parser would take any byte for the first of a packet. */
  private close(): void {
    this.isOver = true;
    this.stream.end(() => this.stream.destroy());
    this.limit(this.side.parts.connectLimitMs, () => this.stream.destroy());
  }

  private read(bytes: Buffer): void {
    if (this.isOver) return;
    if (this.isIn) this.timer?.refresh();
    if (!this.gate.admits(bytes)) this.end(Reason.PACKET_TOO_LARGE);
    else this.parse(bytes);
    // Who has not proved anything yet may announce no more than in CONNECT.
    if (this.begun !== null && this.gate.announced > CONNECT_BYTES_MAX) this.broken();
  }

  private send(packet: Packet): void {
    if (this.stream.writable) this.stream.write(generate(packet, FIVE));
  }

  private parse(bytes: Buffer): void {
    try {
      this.parser.parse(bytes);
    } catch {
      this.end(Reason.MALFORMED_PACKET);
    }
  }

  private take(packet: Packet): void {
    if (this.isOver) return;
    if (this.waiting !== null) this.waiting.push(packet);
    else if (packet.cmd === "connect" && this.connect === null) this.takeConnect(packet);
    else if (packet.cmd === "auth" && this.begun !== null) this.takeAuth(packet, this.begun);
    else if (!this.isIn) this.broken();
    else if (packet.cmd === "subscribe") this.takeSubscribe(packet);
    else if (packet.cmd === "publish") this.takePublish(packet);
    else if (packet.cmd === "pingreq") this.send({ cmd: "pingresp" });
    else if (packet.cmd === "disconnect") this.close();
    else if (packet.cmd !== "puback") this.broken();
  }

  private broken(): void {
    this.end(Reason.PROTOCOL_ERROR);
  }

  private takeConnect(packet: IConnectPacket): void {
    const { door, tls, isHeld } = this.side.parts;
    const { clientId: id, username: userName, password, properties } = packet;
    const link = tls?.identityOf(this.socket) ?? null;
    const address = addressOf(this.socket);
    const visitor = { id, userName, password, link, isHeld: isHeld(id), address };
    this.connect = packet;
    this.id = id;
    if (properties?.authenticationMethod !== undefined) {
      this.challenge(visitor, properties.authenticationMethod, properties.authenticationData);
      return;
    }
    this.wait();
    door.admit(visitor, (judgement) => {
      if (this.isOver) return;
      if ("proof" in judgement) this.accept(judgement.proof, judgement.role);
      else this.refuse(judgement.reason, reasonOf(judgement));
      this.goOn();
    });
  }

  /** What was sent along with CONNECT waits until that is judged; what comes after it is not read. */
  private wait(): void {
    this.waiting = [];
    this.stream.pause();
  }

  private goOn(): void {
    const packets = this.waiting ?? [];
    this.waiting = null;
    for (const packet of packets) this.take(packet);
    this.stream.resume();
  }

  /** Enhanced authentication begins (4.12). */
  private challenge(visitor: Visitor, authenticationMethod: string, nonce: Buffer | undefined): void {
    const entity = this.side.parts.door.entityOf(visitor);
    if (!(entity instanceof Promise)) {
      this.challengeOf(visitor, entity, authenticationMethod, nonce);
      return;
    }
    this.wait();
    entity
      .then(
        (found) => this.challengeOf(visitor, found, authenticationMethod, nonce),
        () => this.refuse("unavailable", Reason.SERVER_UNAVAILABLE),
      )
      .finally(() => this.goOn());
  }

  private challengeOf(
    visitor: Visitor,
    entity: Entity | Refusal,
    authenticationMethod: string,
    nonce: Buffer | undefined,
  ): void {
    if (this.isOver) return;
    if (authenticationMethod !== EXCHANGE_METHOD) this.refuse("method", Reason.BAD_AUTHENTICATION_METHOD);
    else if ("reason" in entity) this.turnAway(visitor, entity);
    else if (entity.disabled) this.refuse("disabled", Reason.NOT_AUTHORIZED);
    else {
      const exchange = Exchange.begin(entity.psk, this.id, nonce);
      if (exchange === null) this.refuse("nonce", Reason.PROTOCOL_ERROR);
      else {
        this.begun = { exchange, visitor, role: entity.role };
        const authenticationData = exchange.challenge;
        const properties = { authenticationMethod, authenticationData };
        this.send({ cmd: "auth", reasonCode: Reason.CONTINUE_AUTHENTICATION, properties });
      }
    }
  }

  private takeAuth(packet: IAuthPacket, { exchange, visitor, role }: Begun): void {
    const { authenticationMethod, authenticationData } = packet.properties ?? {};
    this.begun = null;
    if (authenticationMethod === EXCHANGE_METHOD && exchange.accepts(authenticationData))
      this.accept("auth5", role);
    else this.turnAway(visitor, unproven("exchange"));
  }

  private turnAway(visitor: Visitor, refusal: Refusal): void {
    this.side.parts.door.tell(visitor, refusal, () => {
      if (!this.isOver) this.refuse(refusal.reason, reasonOf(refusal));
    });
  }

  private accept(proof: ConnectProof, role: Role): void {
    const { events, interference } = this.side.parts;
    const method = this.connect?.properties?.authenticationMethod;
    this.login = { id: this.id, proof, role };
    this.isIn = true;
    this.watchKeepAlive();
    this.side.enter(this);
    events.emit({ event: "connected", id: this.id, proof });
    if (proof === "recover")
      setTimeout(() => this.end(Reason.ADMINISTRATIVE_ACTION), this.side.parts.connectLimitMs).unref();
    this.send({
      cmd: "connack",
      reasonCode: Reason.SUCCESS,
      sessionPresent: false,
      properties: {
        maximumQoS: 1,
        maximumPacketSize: PACKET_BYTES_MAX,
        retainAvailable: false,
        sharedSubscriptionAvailable: false,
        ...(method === undefined ? {} : { authenticationMethod: method }),
      },
    });
    if (!interference.kicks()) return;
    events.emit({ event: "kicked", id: this.id });
    this.end(Reason.ADMINISTRATIVE_ACTION);
  }

  /** One and a half times the keep-alive without a packet ends the connection (3.1.2.10). */
  private watchKeepAlive(): void {
    this.limit((this.connect?.keepalive ?? 0) * 1500, () => this.end(Reason.KEEP_ALIVE_TIMEOUT));
  }

  /** @param ms 0: without end */
  private limit(ms: number, end: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = ms === 0 ? null : setTimeout(end, ms);
  }

  private refuse(reason: string, reasonCode: Reason): void {
    this.side.parts.events.emit({ event: "connect-refused", id: this.id, returnCode: reasonCode, reason });
    this.send({ cmd: "connack", reasonCode, sessionPresent: false });
    this.end(reasonCode);
  }

  private takeSubscribe(packet: ISubscribePacket): void {
    const { events } = this.side.parts;
    const granted = packet.subscriptions.map(({ topic, qos }) => {
      if (!this.side.parts.door.mayRead(this.login, topic)) {
        events.emit({ event: "topic-refused", id: this.id, topic, action: "subscribe" });
        return Reason.NOT_AUTHORIZED;
      }
      this.filters.set(topic, Math.min(qos, 1));
      return Math.min(qos, 1);
    });
    this.send({ cmd: "suback", messageId: packet.messageId ?? 0, granted });
    const topics = packet.subscriptions
      .map(({ topic }) => topic)
      .filter((topic) => this.side.parts.door.mayRead(this.login, topic));
    events.emit({ event: "subscribed", id: this.id, topics });
  }

  private takePublish(packet: IPublishPacket): void {
    const { events, receiver } = this.side.parts;
    const { topic, payload, messageId } = packet;
    if (requestSender(topic) !== null && payload.length > MESSAGE_BYTES_MAX) {
      events.emit({ event: "dropped", id: this.id, reason: "too-long" });
      this.end(Reason.PACKET_TOO_LARGE);
      return;
    }
    const isOurs = this.side.parts.door.mayWrite(this.login, topic);
    const reasonCode = isOurs ? Reason.SUCCESS : Reason.NOT_AUTHORIZED;
    if (packet.qos === 1) this.send({ cmd: "puback", messageId: messageId ?? 0, reasonCode });
    if (!isOurs) events.emit({ event: "topic-refused", id: this.id, topic, action: "publish" });
    const sender = requestSender(topic);
    if (sender?.id !== this.id) return;
    const { correlationData } = packet.properties ?? {};
    // The answer carries what the question did (4.10).
    const answers: Sender = {
      send: (id, message, encoding) =>
        id === this.id
          ? this.deliver(message, encoding, correlationData)
          : this.side.send(id, message, encoding),
    };
    void receiver.receive(answers, this.id, this.proof, Buffer.from(payload), sender.encoding);
  }

  private closed(): void {
    this.isOver = true;
    if (this.timer !== null) clearTimeout(this.timer);
    if (!this.isIn) return;
    this.side.leave(this);
    this.side.parts.events.emit({ event: "disconnected", id: this.id });
  }
}

function reasonOf({ barred, isOurs, retryAfterSeconds }: Refusal): Reason {
  if (retryAfterSeconds !== undefined) return Reason.CONNECTION_RATE_EXCEEDED;
  if (isOurs === true) return Reason.SERVER_UNAVAILABLE;
  return barred ? Reason.NOT_AUTHORIZED : Reason.BAD_USER_NAME_OR_PASSWORD;
}
