/**
 * The app's own messages on motekey's MQTT connection: a second TLS session rarely fits. It is a separate module,
 * so that an app that does not import it does not carry it.
 */
import { Acks } from "./messages/acks.js";
import { isFilter, isTopic, shareLength } from "./messages/filter.js";
import { endOf, type Payload, Publication, PublicationPhase } from "./messages/publication.js";
import {
  type OnEnd,
  type OnPiece,
  Piece,
  type Subscription,
  SubscriptionPhase,
} from "./messages/subscription.js";
import { Subscriptions } from "./messages/subscriptions.js";
import { checkGroup, Kind, type RowsOf } from "./options.js";
import type { Turns } from "./ports.js";
import { Status } from "./status.js";
import type { AppTraffic, MqttWriter } from "./transport/app.js";
import type { Outbox } from "./transport/outbox.js";
import type { Terms } from "./transport/terms.js";
import { bytesOf, copyBytes, NO_BYTES } from "./wire/bytes.js";
import type { PacketType } from "./wire/mqtt/mqtt.js";

export type { Payload } from "./messages/publication.js";
export type { MessagePiece, OnEnd, OnPiece } from "./messages/subscription.js";

/** Sizes, each with its default. */
export interface MessagesOptions {
  /** Filters at once; 2. */
  readonly filters?: number;
  /** Longest topic that is delivered whole, bytes; 64. */
  readonly topicBytes?: number;
  /** An unacknowledged message or subscription ends with TIMEOUT after this, ms; 20,000. */
  readonly deadlineMs?: number;
}

const FAILURE = 0x80;
/** The app's messages at QoS 1 leave the last slot to the calls, where there is more than one (MQTT 5, 4.9). */
const isFull = (terms: Terms): boolean =>
  terms.receiveMaximum - terms.inFlight < Math.min(2, terms.receiveMaximum);
/** A broker may close the connection over a message or a filter: after this many the app gets the failure, and auth goes on. */
const LOSSES_MAX = 2;

/**
 * Publishes and subscribes, in constant memory: a fixed table of filters, one outgoing message, payloads of
 * any length in pieces both ways. The app makes it and gives it to `createAuth` as `messages`; it serves until that client
 * closes. Nothing here delays a call for longer than the packet that is being sent.
 */
export class Messages implements AppTraffic {
  readonly topicBytes: number;
  hasPiece: boolean;
  isStreaming: boolean;
  isBroken: boolean;
  private readonly deadlineMs: number;
  private readonly table: Subscriptions;
  private readonly subscriptions: Subscription[];
  private readonly publication: Publication;
  private readonly view: Piece;
  private readonly acks: Acks;
  private reader: Subscription | null;
  private turns: Turns | null;
  private isReady: boolean;
  private isEnded: boolean;
  private nowMs: number;

  /** @construction */
  constructor(options?: MessagesOptions) {
    const given = options === undefined ? {} : options;
    const count = Kind.COUNT;
    const rows: RowsOf<MessagesOptions> = { filters: count, topicBytes: count, deadlineMs: count };
    checkGroup("messages", given, { rows });
    const filters = given.filters === undefined ? 2 : given.filters;
    this.topicBytes = given.topicBytes === undefined ? 64 : given.topicBytes;
    this.deadlineMs = given.deadlineMs === undefined ? 20_000 : given.deadlineMs;
    if (this.topicBytes > 65_535)
      throw new Error("motekey: messages.topicBytes must not exceed 65535, MQTT's longest topic");
    this.table = new Subscriptions(filters);
    this.subscriptions = this.table.list;
    this.publication = new Publication();
    this.view = new Piece(this.topicBytes);
    this.acks = new Acks();
    this.reader = null;
    this.turns = null;
    this.hasPiece = false;
    this.isStreaming = false;
    this.isBroken = false;
    this.isReady = false;
    this.isEnded = false;
    this.nowMs = 0;
  }

  /**
   * A topic's bytes, for {@link publish}. Make it once and keep it.
   * @construction
   * @throws Error when no message can be published on it
   */
  topic(name: string): Uint8Array {
    const topic = bytesOf(name);
    if (!isTopic(topic)) throw new Error(`motekey: no message can be published on the topic ${name}`);
    return topic;
  }

  /**
   * Subscribes to a filter, now and after every reconnect. No two filters may overlap: brokers send a message that
   * two match once or twice, and nothing in it says which; so use one filter, and distinguish by the topic.
   * `$share/<group>/<filter>` shares the messages with the group's other clients, where the broker can (MQTT 5, 4.8.2;
   * mosquitto over 3.1.1, too; NATS and RabbitMQ grant it and send nothing).
   * @param onEnd called once with whether the broker grants it: OK, SUBSCRIPTION_REFUSED (also for a filter that
   * overlaps the calls' own, `<id>/rpc/#`), TIMEOUT (no answer within `deadlineMs`: the subscription ends), CONNECTION_LOST or CLOSED
   * @returns OK; BUSY: all filters are in use; CLOSED
   * @construction
   * @throws Error when the filter is malformed, longer than `topicBytes`, or overlaps a subscription
   */
  subscribe(filter: string, onPiece: OnPiece, onEnd: OnEnd): Status {
    const bytes = bytesOf(filter);
    if (!isFilter(bytes)) throw new Error(`motekey: ${filter} is no topic filter`);
    if (bytes.length > this.topicBytes)
      throw new Error(`motekey: topicBytes of messages must be at least ${bytes.length} for ${filter}`);
    if (this.table.held(bytes) !== null)
      throw new Error(`motekey: the app is subscribed to ${filter} already; unsubscribe first`);
    const share = shareLength(bytes);
    if (this.table.overlaps(bytes, share))
      throw new Error(
        `motekey: ${filter} overlaps another filter of the app; use one for both, and tell their messages apart by topic`,
      );
    if (this.isEnded) return Status.CLOSED;
    const subscription = this.table.vacant();
    if (subscription === null) return Status.BUSY;
    subscription.phase = SubscriptionPhase.WANTED;
    subscription.filter = bytes;
    subscription.shareLength = share;
    subscription.onPiece = onPiece;
    subscription.onEnd = onEnd;
    this.ring();
    return Status.OK;
  }

  /**
   * Unsubscribes from a filter.
   * @returns OK; STALE: there is no such subscription
   * @allocates the filter's bytes
   */
  unsubscribe(filter: string): Status {
    const subscription = this.table.held(bytesOf(filter));
    if (subscription === null) return Status.STALE;
    const isKnown = subscription.phase !== SubscriptionPhase.WANTED;
    subscription.onPiece = null;
    if (subscription.onEnd !== null) subscription.answered(Status.REVOKED);
    subscription.phase = isKnown ? SubscriptionPhase.UNWANTED : SubscriptionPhase.FREE;
    this.ring();
    return Status.OK;
  }

  /**
   * Publishes a message, never retained. One at a time: BUSY until `onEnd`.
   * @param topic of {@link topic}
   * @param payload leave it unchanged until `onEnd`
   * @param qos 0: OK once it is composed; 1: OK once the broker acknowledges it. After a lost connection
   * it is sent again, so a broker may get it twice.
   * @param onEnd OK, TIMEOUT, CONNECTION_LOST, FORBIDDEN, QUOTA_EXCEEDED, TOO_LONG (for us, for MQTT, or for this broker), BAD_ARGUMENTS
   * (the payload threw, or its length is invalid) or CLOSED
   * @returns OK: `onEnd` is called once; BUSY or CLOSED: never
   */
  publish(topic: Uint8Array, payload: Uint8Array | Payload, qos: 0 | 1, onEnd: OnEnd): Status {
    const publication = this.publication;
    if (this.isEnded || this.turns === null) return Status.CLOSED;
    if (publication.phase !== PublicationPhase.FREE) return Status.BUSY;
    publication.phase = PublicationPhase.QUEUED;
    publication.topic = topic;
    publication.length = payload.length;
    if (payload instanceof Uint8Array) publication.bytes = payload;
    else publication.source = payload;
    publication.qos = qos;
    publication.onEnd = onEnd;
    publication.deadlineMs = this.turns.nowMs() + this.deadlineMs;
    this.ring();
    return Status.OK;
  }

  /** For the session, like everything below. */
  bind(turns: Turns): void {
    if (this.turns !== null) throw new Error("motekey: messages serve one client; make others for another");
    this.turns = turns;
  }

  ready(): void {
    this.isReady = true;
    for (let i = 0; i < this.subscriptions.length; i++) {
      const subscription = this.subscriptions[i];
      if (subscription.phase === SubscriptionPhase.GRANTED) subscription.phase = SubscriptionPhase.WANTED;
    }
  }

  lost(): void {
    const publication = this.publication;
    this.isReady = false;
    this.isStreaming = false;
    this.isBroken = false;
    this.hasPiece = false;
    this.reader = null;
    this.acks.clear();
    for (let i = 0; i < this.subscriptions.length; i++) this.loseSubscription(this.subscriptions[i]);
    if (publication.phase !== PublicationPhase.STREAMING && publication.phase !== PublicationPhase.SENT)
      return;
    publication.losses++;
    if (publication.losses >= LOSSES_MAX) publication.end(Status.CONNECTION_LOST);
    else publication.phase = PublicationPhase.QUEUED;
  }

  expire(nowMs: number): void {
    const publication = this.publication;
    this.nowMs = nowMs;
    if (nowMs >= publication.expiresAtMs()) publication.end(Status.TIMEOUT);
    this.table.expire(nowMs);
  }

  wakeAtMs(): number {
    return Math.min(this.publication.expiresAtMs(), this.table.deadlineMs());
  }

  tend(writer: MqttWriter): void {
    if (!this.isStreaming) this.acks.write(writer.outbox);
    if (!this.isReady) return;
    if (!this.isStreaming) this.tendSubscriptions(writer);
    if (this.publication.phase === PublicationPhase.QUEUED) this.openPublication(writer);
    if (this.isStreaming) this.stream(writer);
  }

  get isBacklogged(): boolean {
    return this.acks.isFull();
  }

  acknowledge(outbox: Outbox, type: PacketType, packetIdentifier: number): void {
    this.acks.take(outbox, type, packetIdentifier, this.isStreaming);
  }

  acknowledged(packetIdentifier: number, returnCode: number): boolean {
    const publication = this.publication;
    if (publication.phase === PublicationPhase.SENT && publication.packetIdentifier === packetIdentifier) {
      publication.end(endOf(returnCode));
      return true;
    }
    for (let i = 0; i < this.subscriptions.length; i++) {
      const subscription = this.subscriptions[i];
      if (subscription.packetIdentifier !== packetIdentifier) continue;
      if (subscription.phase === SubscriptionPhase.LEAVING) subscription.left();
      else if (subscription.phase === SubscriptionPhase.ASKED) {
        subscription.losses = 0;
        subscription.answered(returnCode >= FAILURE ? Status.SUBSCRIPTION_REFUSED : Status.OK);
      } else continue;
      subscription.packetIdentifier = 0;
      return true;
    }
    return false;
  }

  open(topic: Uint8Array, topicLength: number, payloadLength: number, retain: boolean): boolean {
    const view = this.view;
    const kept = Math.min(topicLength, this.topicBytes);
    this.reader = this.table.reader(topic, topicLength);
    if (this.reader === null) return false;
    copyBytes(view.topic, 0, topic, 0, kept);
    view.topicLength = kept;
    view.payloadLength = payloadLength;
    view.at = 0;
    view.from = 0;
    view.to = 0;
    view.retain = retain;
    return true;
  }

  piece(bytes: Uint8Array, from: number, to: number): void {
    const view = this.view;
    view.at += view.to - view.from;
    view.bytes = bytes;
    view.from = from;
    view.to = to;
    this.hasPiece = true;
  }

  close(): void {
    if (this.view.payloadLength === 0) this.piece(NO_BYTES, 0, 0);
  }

  deliver(): boolean {
    return this.deliverPiece() || this.deliverPublication() || this.deliverSubscription();
  }

  end(): void {
    this.isEnded = true;
    this.lost();
    if (this.publication.isUnderWay()) this.publication.end(Status.CLOSED);
    for (let i = 0; i < this.subscriptions.length; i++) {
      const subscription = this.subscriptions[i];
      if (subscription.onEnd !== null && !subscription.isOver) subscription.answered(Status.CLOSED);
      subscription.phase = SubscriptionPhase.FREE;
    }
  }

  private ring(): void {
    if (this.turns !== null) this.turns.soon();
  }

  private loseSubscription(subscription: Subscription): void {
    subscription.deadlineMs = Infinity;
    if (subscription.phase === SubscriptionPhase.LEAVING || subscription.phase === SubscriptionPhase.UNWANTED)
      subscription.left();
    if (subscription.phase !== SubscriptionPhase.ASKED) return;
    subscription.losses++;
    subscription.packetIdentifier = 0;
    if (subscription.losses >= LOSSES_MAX) subscription.answered(Status.CONNECTION_LOST);
    else subscription.phase = SubscriptionPhase.WANTED;
  }

  /** Unsubscribe first: the app may already have subscribed again, in another slot. */
  private tendSubscriptions(writer: MqttWriter): void {
    const deadlineMs = this.nowMs + this.deadlineMs;
    for (let i = 0; i < this.subscriptions.length; i++) this.subscriptions[i].leave(writer, deadlineMs);
    for (let i = 0; i < this.subscriptions.length; i++) this.subscriptions[i].ask(writer, deadlineMs);
  }

  private openPublication(writer: MqttWriter): void {
    const publication = this.publication;
    const qos = publication.qos;
    const length = publication.length;
    const header = writer.messageLength(publication.topic.length, qos, length);
    if (!(length >= 0 && length % 1 === 0)) publication.end(Status.BAD_ARGUMENTS);
    else if (header > writer.outbox.size()) publication.end(Status.TOO_LONG);
    else if (header <= writer.outbox.room() && !(qos === 1 && isFull(writer.terms))) this.openStream(writer);
  }

  private openStream(writer: MqttWriter): void {
    const publication = this.publication;
    const qos = publication.qos;
    if (qos === 1) publication.packetIdentifier = writer.nextPacketIdentifier();
    writer.writeMessage(publication.topic, publication.packetIdentifier, qos, publication.length);
    publication.at = 0;
    publication.phase = PublicationPhase.STREAMING;
    this.isStreaming = true;
  }

  private stream(writer: MqttWriter): void {
    const outbox = writer.outbox;
    const publication = this.publication;
    const from = outbox.to;
    const count = Math.min(outbox.room(), publication.length - publication.at);
    const source = publication.source;
    const at = publication.at;
    if (source === null) copyBytes(outbox.bytes, from, publication.bytes, at, at + count);
    else if (!this.readSource(source, outbox.bytes, from, count)) return;
    outbox.to = from + count;
    publication.at += count;
    if (publication.at < publication.length) return;
    this.isStreaming = false;
    publication.phase = PublicationPhase.SENT;
    if (publication.qos === 0) publication.end(Status.OK);
  }

  /** The app's code runs within the turn here: its exception ends its message, and nothing else. */
  private readSource(source: Payload, out: Uint8Array, from: number, count: number): boolean {
    try {
      source.read(this.publication.at, out, from, from + count);
      return true;
    } catch (_error) {
      this.isBroken = true;
      this.publication.end(Status.BAD_ARGUMENTS);
      return false;
    }
  }

  private deliverPiece(): boolean {
    if (!this.hasPiece) return false;
    const reader = this.reader;
    this.hasPiece = false;
    if (reader !== null && reader.onPiece !== null) reader.onPiece(this.view);
    return true;
  }

  private deliverPublication(): boolean {
    const publication = this.publication;
    const status = publication.status;
    const onEnd = publication.onEnd;
    if (publication.phase !== PublicationPhase.DONE) return false;
    publication.release();
    if (onEnd !== null) onEnd(status);
    return true;
  }

  private deliverSubscription(): boolean {
    const subscription = this.table.over();
    if (subscription === null) return false;
    const onEnd = subscription.onEnd;
    subscription.isOver = false;
    subscription.onEnd = null;
    if (onEnd !== null) onEnd(subscription.status);
    return true;
  }
}
