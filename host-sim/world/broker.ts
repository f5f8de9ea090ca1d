import type { Cloud } from "./cloud.js";
import type { Conditions } from "./conditions.js";
import type { Connection } from "./connection.js";
import * as mqtt from "./mqtt.js";
import type { Profile } from "./profiles.js";
import type { Actor, Queue } from "./queue.js";
import type { Random } from "./random.js";

/** A message to a device that it has not acknowledged. */
interface Message {
  readonly identifier: number;
  readonly packet: Uint8Array;
  isSent: boolean;
}

/** What a broker keeps of a client id. */
class Session {
  connection: Connection | null = null;
  isClean = true;
  filters: string[] = [];
  messages: Message[] = [];
  lastIdentifier = 0;
}

enum Happening {
  STARTED,
  WELCOMED,
  RESENT,
  AGED,
}

/** A device's broker: MQTT 3.1.1 in bytes, with the manners of its profile and the faults of the moment. */
export class Broker implements Actor {
  isUp = true;
  /** Messages that made the broker close a connection: no device may send them. */
  broken: string | undefined;
  /** Takes the messages of an app of its own topics; undefined: the app has none but those that are let go. */
  taken: ((topic: string, payload: Uint8Array) => void) | undefined;
  private isFirst = false;
  private readonly sessions = new Map<string, Session>();
  private readonly packet = new mqtt.Packet();
  /** Connections whose CONNACK waits, or whose timer runs, by the event's number. */
  private readonly waiting = new Map<number, () => void>();
  private serial = 0;

  constructor(
    private readonly queue: Queue,
    private readonly random: Random,
    private readonly conditions: Conditions,
    private readonly profile: Profile,
    private readonly cloud: Cloud,
  ) {
    cloud.deliver = (client, payload) => this.publish(client, payload);
  }

  /** It is down for this long, and restarts with its sessions or without. */
  restart(forMs: number, isKept: boolean): void {
    this.isUp = false;
    for (const session of this.sessions.values()) {
      const { connection } = session;
      session.connection = null;
      connection?.reset();
    }
    if (!isKept) this.sessions.clear();
    this.queue.after(forMs + this.profile.startMs, this, Happening.STARTED, 0);
  }

  /** Somebody else connects under the device's client id, and leaves again. */
  takeOver(client: string): void {
    const session = this.sessions.get(client);
    session?.connection?.end();
    if (session !== undefined) session.connection = null;
  }

  happen(_kind: number, arg: number): void {
    if (_kind === Happening.STARTED) {
      this.isUp = true;
      this.isFirst = true;
      return;
    }
    const run = this.waiting.get(arg);
    this.waiting.delete(arg);
    run?.();
  }

  /** Bytes from a device. */
  arrived(connection: Connection, bytes: Uint8Array, sentAtMs: number): void {
    const limitMs = connection.keepAliveMs * this.profile.keepAlives + 5_000;
    if (connection.keepAliveMs > 0 && this.queue.nowMs - connection.heardAtMs > limitMs) {
      this.drop(connection);
      return;
    }
    connection.heardAtMs = this.queue.nowMs;
    if (connection.rest === null && bytes.length === 2 && bytes[0] === 0xc0 && connection.isAccepted) {
      connection.send(mqtt.PINGRESP);
      return;
    }
    const all = connection.rest === null ? bytes : Buffer.concat([connection.rest, bytes]);
    const { packet } = this;
    let at = 0;
    while (at < all.length && connection.isLive && packet.find(all, at, all.length)) {
      at = packet.to;
      this.take(connection, all, packet.type, packet.flags, packet.from, packet.to, sentAtMs);
    }
    connection.rest = at < all.length ? all.subarray(at) : null;
  }

  /** The device closed its end. */
  gone(connection: Connection): void {
    const session = this.sessions.get(connection.client);
    if (session === undefined || session.connection !== connection) return;
    session.connection = null;
    if (session.isClean) this.sessions.delete(connection.client);
  }

  private take(
    connection: Connection,
    bytes: Uint8Array,
    type: number,
    flags: number,
    from: number,
    to: number,
    sentAtMs: number,
  ): void {
    if (type === mqtt.CONNECT) this.connect(connection, mqtt.readConnect(bytes, from));
    else if (connection.client === "") this.breach(connection, `packet ${type} before CONNECT`);
    else if (!connection.isAccepted) {
      // Bytes behind a CONNECT that is pending or refused.
      this.later(connection, () => this.take(connection, bytes, type, flags, from, to, sentAtMs));
    } else if (type === mqtt.SUBSCRIBE) this.subscribe(connection, bytes, from, to);
    else if (type === mqtt.UNSUBSCRIBE) this.unsubscribe(connection, bytes, from, to);
    else if (type === mqtt.PUBLISH) this.published(connection, bytes, flags, from, to, sentAtMs);
    else if (type === mqtt.PUBACK) this.acknowledged(connection, mqtt.u16At(bytes, from));
    else if (type === mqtt.PINGREQ) connection.send(mqtt.PINGRESP);
    else if (type === mqtt.DISCONNECT) this.drop(connection);
    else this.breach(connection, `packet ${type}`);
  }

  private readonly held = new Map<Connection, (() => void)[]>();

  private later(connection: Connection, run: () => void): void {
    const list = this.held.get(connection);
    if (list === undefined) this.held.set(connection, [run]);
    else list.push(run);
  }

  private connect(connection: Connection, told: mqtt.Connect): void {
    if (connection.client !== "") {
      this.breach(connection, "a second CONNECT");
      return;
    }
    connection.client = told.client;
    connection.keepAliveMs = told.keepAliveS * 1_000;
    const waitMs = this.isFirst ? this.profile.firstMs : 0;
    this.isFirst = false;
    if (waitMs === 0) this.answer(connection, told);
    else this.soon(waitMs, Happening.WELCOMED, () => this.answer(connection, told));
  }

  private answer(connection: Connection, told: mqtt.Connect): void {
    if (!connection.isLive) return;
    let code = 0;
    if (told.level !== 4) code = 1;
    else if (this.conditions.isRefusing) code = 3;
    else if (!this.cloud.login(told.client, told.user, told.password)) code = this.profile.badPassword;
    if (code !== 0) {
      this.held.delete(connection);
      if (code > 0) connection.send(mqtt.connack(false, code));
      connection.end();
      return;
    }
    let session = this.sessions.get(told.client);
    session?.connection?.end();
    const isPresent = session !== undefined && !told.cleanSession && !session.isClean;
    if (session === undefined || !isPresent) {
      session = new Session();
      this.sessions.set(told.client, session);
    }
    session.connection = connection;
    session.isClean = told.cleanSession;
    connection.isAccepted = true;
    connection.send(mqtt.connack(isPresent, 0));
    for (const message of session.messages) this.pass(session, message);
    const held = this.held.get(connection) ?? [];
    this.held.delete(connection);
    for (const run of held) run();
    const { kickMs } = this.conditions;
    const lifeMs = kickMs > 0 ? kickMs : this.profile.lifeMs;
    if (Number.isFinite(lifeMs)) this.soon(lifeMs, Happening.AGED, () => this.drop(connection));
  }

  private subscribe(connection: Connection, bytes: Uint8Array, from: number, to: number): void {
    const session = this.sessions.get(connection.client) as Session;
    const filters = mqtt.readFilters(bytes, from, to);
    session.filters = [...new Set([...session.filters, ...filters])];
    const isAllowed = (filter: string): boolean =>
      this.taken !== undefined || filter.startsWith(`${connection.client}/`);
    const codes = filters.map((filter) => (isAllowed(filter) ? 1 : 0x80));
    connection.send(mqtt.suback(mqtt.u16At(bytes, from), codes));
  }

  private unsubscribe(connection: Connection, bytes: Uint8Array, from: number, to: number): void {
    const session = this.sessions.get(connection.client) as Session;
    const gone = mqtt.readFilters(bytes, from, to, 0);
    session.filters = session.filters.filter((filter) => !gone.includes(filter));
    connection.send(mqtt.unsuback(mqtt.u16At(bytes, from)));
  }

  private published(
    connection: Connection,
    bytes: Uint8Array,
    flags: number,
    from: number,
    to: number,
    sentAtMs: number,
  ): void {
    const { conditions } = this;
    const qos = (flags >> 1) & 3;
    const topic = mqtt.topicAt(bytes, from);
    const behind = from + 2 + mqtt.u16At(bytes, from);
    if (this.taken === undefined && topic.startsWith(`app/${connection.client}/`)) {
      if (qos > 0) connection.send(mqtt.puback(mqtt.u16At(bytes, behind)));
      return;
    }
    if (this.taken !== undefined && topic !== `cloud/from/${connection.client}/rpc`) {
      // An acknowledged message of an app is not lost: no app could do anything about that.
      if (conditions.isFull) return;
      this.taken(topic, bytes.subarray(qos > 0 ? behind + 2 : behind, to));
      if (qos > 0 && !this.isOneOfTen(conditions.unacknowledged))
        connection.send(mqtt.puback(mqtt.u16At(bytes, behind)));
      return;
    }
    if (topic !== `cloud/from/${connection.client}/rpc`) {
      this.breach(connection, `PUBLISH to ${topic}`);
      return;
    }
    if (conditions.isFull) return;
    if (qos > 0 && !this.isOneOfTen(conditions.unacknowledged))
      connection.send(mqtt.puback(mqtt.u16At(bytes, behind)));
    if (this.isOneOfTen(conditions.lost)) return;
    const payload = bytes.subarray(qos > 0 ? behind + 2 : behind, to);
    this.cloud.received(connection.client, payload, sentAtMs);
    if (this.isOneOfTen(conditions.doubled)) this.cloud.received(connection.client, payload, sentAtMs);
  }

  /** Somebody's message to a client that has a filter for it. */
  send(client: string, topic: string, payload: Uint8Array, isWanted: (filter: string) => boolean): void {
    const session = this.sessions.get(client);
    if (session?.filters.some(isWanted) === true) this.enqueue(session, topic, payload);
  }

  /** The cloud's message to a client. */
  private publish(client: string, payload: Uint8Array): void {
    const session = this.sessions.get(client);
    if (session === undefined || session.filters.length === 0 || this.isOneOfTen(this.conditions.lost))
      return;
    this.enqueue(session, `${client}/rpc`, payload);
  }

  private enqueue(session: Session, topic: string, payload: Uint8Array): void {
    session.lastIdentifier = (session.lastIdentifier % 65_535) + 1;
    const packet = mqtt.publish(topic, payload, session.lastIdentifier);
    const message: Message = { identifier: session.lastIdentifier, packet, isSent: false };
    if (session.messages.length < 100) session.messages.push(message);
    this.pass(session, message);
    if (this.isOneOfTen(this.conditions.doubled)) this.pass(session, message);
  }

  private pass(session: Session, message: Message): void {
    const { connection } = session;
    if (connection === null) return;
    connection.send(message.isSent ? mqtt.again(message.packet) : message.packet);
    message.isSent = true;
    const { resendMs } = this.profile;
    if (resendMs === 0) return;
    this.soon(resendMs, Happening.RESENT, () => {
      if (session.connection === connection && session.messages.includes(message))
        this.pass(session, message);
    });
  }

  private acknowledged(connection: Connection, identifier: number): void {
    const session = this.sessions.get(connection.client) as Session;
    session.messages = session.messages.filter((message) => message.identifier !== identifier);
  }

  private breach(connection: Connection, what: string): void {
    this.broken ??= what;
    this.drop(connection);
  }

  private drop(connection: Connection): void {
    connection.end();
    this.gone(connection);
  }

  private soon(delayMs: number, kind: Happening, run: () => void): void {
    this.waiting.set(++this.serial, run);
    this.queue.after(delayMs, this, kind, this.serial);
  }

  private isOneOfTen(count: number): boolean {
    return count > 0 && this.random.unit() * 10 < count;
  }
}
