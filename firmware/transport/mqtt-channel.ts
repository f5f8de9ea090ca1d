import type { Config } from "../config.js";
import type { Login } from "../proof/proof.js";
import { Status } from "../status.js";
import { bytesOf, NO_BYTES } from "../wire/bytes.js";
import {
  ACK_BYTES,
  type ConnectFields,
  connectLength,
  PacketType,
  PINGREQ_BYTES,
  type PublishFields,
  publishHeaderLength,
  subscribeLength,
  unsubscribeLength,
  writeConnect,
  writeDisconnect,
  writePingreq,
  writePublishHeader,
  writeSubscribe,
  writeUnsubscribe,
} from "../wire/mqtt/mqtt.js";
import { MqttEvent, MqttReader } from "../wire/mqtt/reader.js";
import type { MqttWriter } from "./app.js";
import { AppLane } from "./app-lane.js";
import { type Channel, ChannelEvent, type ChannelParts } from "./channel.js";
import { type Deliveries, type Delivery, type FrameSink, PieceEvent } from "./delivery.js";
import type { Outbox } from "./outbox.js";
import type { PeerWords } from "./peer-words.js";
import { idleMsOf, Stage, Terms } from "./terms.js";
import { OwnTopics } from "./topics.js";

/** CONNACK's return codes 1 to 5 are consecutive statuses from here on. */
const CONNACK_STATUS = Status.VERSION_REFUSED - 1;
const SUBACK_FAILURE = 0x80;
const SLASH_RPC = bytesOf("/rpc");

/** @construction */
const connectFields = (config: Config, login: Login): ConnectFields => ({
  clientId: config.deviceId,
  userName: login.userName,
  password: login.password,
  passwordLength: login.passwordLength,
  keepAliveSeconds: config.limits.keepAliveS,
  cleanSession: config.cleanSession,
});

/** @construction */
const publishFields = (): PublishFields => ({
  topic: NO_BYTES,
  topicLength: 0,
  packetIdentifier: 0,
  qos: 0,
  dup: false,
  payloadLength: 0,
});

/** Frames over MQTT 3.1.1: requests are published, answers come on the device's own topic. */
export class MqttChannel implements Channel, MqttWriter {
  at: number;
  status: Status;
  readonly terms: Terms;
  readonly words: PeerWords;
  readonly isPipelined: boolean;
  readonly replyBytes: number;

  protected readonly config: Config;
  protected readonly deliveries: Deliveries;
  readonly outbox: Outbox;
  protected readonly inbox: FrameSink;
  protected readonly login: Login;
  protected readonly fields: ConnectFields;
  protected mqtt: MqttReader;
  readonly topics: OwnTopics;
  /** Of the PUBLISH that is composed. */
  protected readonly publish: PublishFields;
  private readonly app: AppLane;
  protected stage: Stage;
  /** SUBSCRIBE leaves with CONNECT. */
  private readonly subscribesEarly: boolean;
  private subscribeIdentifier: number;
  /** Of the subscription to encoded frames; 0: there is none. */
  private encodedIdentifier: number;
  /** Bytes of the window's payload piece still to be read. */
  private pieceLeft: number;

  constructor(parts: ChannelParts) {
    const config = parts.config;
    this.config = config;
    this.deliveries = parts.deliveries;
    this.outbox = parts.outbox;
    this.inbox = parts.inbox;
    this.login = config.proof.connect.login(parts);
    this.fields = connectFields(config, this.login);
    this.publish = publishFields();
    this.topics = new OwnTopics(config, parts.encoding);
    this.app = new AppLane(parts.app);
    this.mqtt = new MqttReader(Math.max(this.topics.bytes(), this.app.topicBytes()));
    // Only AUTH may come between CONNECT and CONNACK where there is an exchange (MQTT 5, 4.12).
    this.subscribesEarly = config.pipeline && this.login.exchange === null;
    // A kept session may hold our earlier PUBLISHes: CONNACK says so, and nothing leaves before it.
    this.isPipelined = this.subscribesEarly && config.cleanSession;
    this.replyBytes = ACK_BYTES;
    this.terms = new Terms(idleMsOf(config.limits.keepAliveS));
    this.at = 0;
    this.status = Status.OK;
    this.words = parts.words;
    this.stage = Stage.CONNECT;
    this.subscribeIdentifier = 0;
    this.encodedIdentifier = 0;
    this.pieceLeft = 0;
  }

  open(): void {
    this.mqtt.reset();
    this.terms.reset();
    this.status = Status.OK;
    this.stage = Stage.CONNECT;
    this.encodedIdentifier = 0;
    this.pieceLeft = 0;
    this.app.reset();
    this.login.renew();
    this.fields.password = this.login.password;
    this.fields.passwordLength = this.login.passwordLength;
    this.writeConnect();
    if (this.subscribesEarly) this.subscribe();
  }

  /** What CONNECT and SUBSCRIBE take, which leave in one write, with the header that may stand before them. */
  openingLength(): number {
    return this.connectLength() + this.subscribeLength(this.config.filter) + this.outbox.reserve;
  }

  read(bytes: Uint8Array, from: number, to: number): ChannelEvent {
    const mqtt = this.mqtt;
    let event = ChannelEvent.MORE;
    this.at = from;
    do {
      if (this.pieceLeft > 0 && this.readPiece(bytes)) return ChannelEvent.HOST;
      const packet = mqtt.read(bytes, this.at, to);
      this.at = mqtt.at;
      if (packet === MqttEvent.MORE) return ChannelEvent.MORE;
      event = packet === MqttEvent.PAYLOAD ? this.takePayload(bytes) : this.take(packet);
    } while (event === ChannelEvent.MORE);
    return event;
  }

  takesFrame(): boolean {
    return !this.app.isStreaming();
  }

  frameLength(payloadLength: number): number {
    const length = this.headerLength(this.requestTopic().length, 1, payloadLength) + payloadLength;
    return length > this.terms.packetBytesMax ? Infinity : length;
  }

  openFrame(request: Delivery, payloadLength: number): number {
    const topic = this.requestTopic();
    this.describe(topic, topic.length, 1, payloadLength);
    this.publish.packetIdentifier = request.packetIdentifier;
    this.publish.dup = request.isRedelivery;
    return this.writeHeader(true);
  }

  /** At QoS 0, to `<id>/rpc` or what it is for encoded frames: the array has room for that behind the id. */
  openReply(stranger: Uint8Array, length: number, isEncoded: boolean, payloadLength: number): number {
    const rpcLength = length + SLASH_RPC.length;
    const topicLength = rpcLength + (isEncoded ? this.topics.suffix.length : 0);
    const replyLength = this.headerLength(topicLength, 0, payloadLength) + payloadLength;
    if (!this.outbox.takes(replyLength) || this.app.isStreaming()) return -1;
    stranger.set(SLASH_RPC, length);
    if (isEncoded) stranger.set(this.topics.suffix, rpcLength);
    this.describe(stranger, topicLength, 0, payloadLength);
    return this.writeHeader(false);
  }

  closeFrame(_from: number, to: number): void {
    this.outbox.to = to;
  }

  encode(): boolean {
    const filter = this.topics.encodedFilter;
    if (this.topics.suffix.length === 0 || this.encodedIdentifier !== 0) return true;
    if (!this.outbox.takes(this.subscribeLength(filter)) || this.app.isStreaming()) return false;
    this.encodedIdentifier = this.deliveries.nextPacketIdentifier();
    this.writeSubscribe(this.encodedIdentifier, filter);
    return true;
  }

  endEncoding(): void {
    this.terms.isEncoded = false;
  }

  ping(): boolean {
    const outbox = this.outbox;
    const hasRoom = outbox.takes(PINGREQ_BYTES) && !this.app.isStreaming();
    if (hasRoom) outbox.to = writePingreq(outbox.bytes, outbox.to);
    return hasRoom;
  }

  tend(): void {
    if (this.stage >= Stage.ACCEPTED) this.app.tend(this);
  }

  nextPacketIdentifier(): number {
    return this.deliveries.nextPacketIdentifier();
  }

  lost(_status: Status): boolean {
    return false;
  }

  leave(): void {
    this.outbox.to = writeDisconnect(this.outbox.bytes, 0);
  }

  /** MQTT 3.1.1 cannot say why: it only closes the connection (4.8). */
  fail(): void {}

  wipe(): void {
    this.login.wipe();
  }

  /** Looks at the piece that begins at `at`, to its end or to a host. Returns whether there is one. */
  private readPiece(bytes: Uint8Array): boolean {
    const to = this.at + this.pieceLeft;
    const event = this.inbox.readPiece(bytes, this.at, to);
    this.at = this.inbox.at;
    this.pieceLeft = to - this.at;
    return event === PieceEvent.HOST;
  }

  protected take(packet: MqttEvent): ChannelEvent {
    if (packet === MqttEvent.REFUSED) return this.broken(this.mqtt.status);
    if (packet === MqttEvent.CONNACK) return this.takeConnack();
    if (this.stage === Stage.CONNECT) return this.broken(Status.MQTT_UNEXPECTED);
    switch (packet) {
      case MqttEvent.SUBACK:
        return this.takeSuback();
      case MqttEvent.PUBACK:
      case MqttEvent.UNSUBACK:
        this.takePuback();
        return ChannelEvent.MORE;
      case MqttEvent.PINGRESP:
        return ChannelEvent.PONG;
      case MqttEvent.PUBLISH:
        return this.takePublish();
      case MqttEvent.PUBREL:
        this.app.acknowledge(this.outbox, PacketType.PUBCOMP, this.mqtt.packetIdentifier);
        return ChannelEvent.RELEASED;
      case MqttEvent.MESSAGE:
        return this.takeMessage();
      default:
        return this.broken(Status.MQTT_UNEXPECTED);
    }
  }

  protected broken(status: Status): ChannelEvent {
    return this.refused(status, 0);
  }

  /** The peer ends it with this code; 0: without one. */
  protected refused(status: Status, code: number): ChannelEvent {
    this.status = status;
    this.words.keep(code);
    return ChannelEvent.BROKEN;
  }

  protected takeConnack(): ChannelEvent {
    const mqtt = this.mqtt;
    const isStrange = this.stage !== Stage.CONNECT || (mqtt.sessionPresent && this.config.cleanSession);
    if (isStrange) return this.broken(Status.MQTT_UNEXPECTED);
    if (mqtt.returnCode !== 0) {
      this.stage = Stage.REFUSED;
      return this.refused(this.refusalOf(mqtt.returnCode), mqtt.returnCode);
    }
    this.stage = Stage.ACCEPTED;
    if (!mqtt.sessionPresent) this.deliveries.forgetPackets();
    if (!this.subscribesEarly) this.subscribe();
    return ChannelEvent.MORE;
  }

  protected takeSuback(): ChannelEvent {
    const mqtt = this.mqtt;
    if (
      this.stage === Stage.READY &&
      !this.terms.isEncoded &&
      mqtt.packetIdentifier === this.encodedIdentifier
    ) {
      // Where the broker refuses it, frames stay JSON.
      this.terms.isEncoded = mqtt.returnCode < SUBACK_FAILURE;
      return ChannelEvent.MORE;
    }
    if (this.stage === Stage.READY && this.app.subscribed(mqtt)) return ChannelEvent.MORE;
    if (this.stage === Stage.READY || mqtt.packetIdentifier !== this.subscribeIdentifier) {
      return this.broken(Status.MQTT_UNEXPECTED);
    }
    if (mqtt.returnCode >= SUBACK_FAILURE) return this.refused(Status.SUBSCRIPTION_REFUSED, mqtt.returnCode);
    this.stage = Stage.READY;
    return ChannelEvent.READY;
  }

  protected takePuback(): void {
    const request = this.deliveries.sentWithPacket(this.mqtt.packetIdentifier);
    if (request !== null) request.isAcknowledged = true;
    else this.app.acknowledged(this.mqtt);
  }

  protected takePublish(): ChannelEvent {
    const mqtt = this.mqtt;
    const topics = this.topics;
    // We subscribe at QoS 1; a kept session may hold another firmware's subscription at QoS 2.
    if (mqtt.qos > 1 && this.config.cleanSession) return this.broken(Status.MQTT_QOS);
    if (this.encodedIdentifier !== 0 && topics.isEncoded(mqtt)) this.inbox.open(false, true);
    else if (topics.isOurs(mqtt)) this.inbox.open(topics.isRequest(mqtt), false);
    else if (!this.app.open(mqtt)) this.inbox.ignore();
    return ChannelEvent.MORE;
  }

  private takePayload(bytes: Uint8Array): ChannelEvent {
    const mqtt = this.mqtt;
    if (this.app.takePiece(bytes, mqtt)) return ChannelEvent.PIECE;
    this.at = mqtt.payloadFrom;
    this.pieceLeft = mqtt.payloadTo - this.at;
    return ChannelEvent.MORE;
  }

  private takeMessage(): ChannelEvent {
    const isApps = this.app.close();
    if (!isApps) this.inbox.close();
    this.app.received(this.outbox, this.mqtt);
    return isApps ? ChannelEvent.PIECE : ChannelEvent.MESSAGE;
  }

  /** What a CONNACK's return code means. */
  protected refusalOf(returnCode: number): Status {
    return CONNACK_STATUS + returnCode;
  }

  protected connectLength(): number {
    return connectLength(this.fields);
  }

  protected writeConnect(): void {
    this.outbox.to = writeConnect(this.outbox.bytes, this.outbox.to, this.fields);
  }

  subscribeLength(filter: Uint8Array): number {
    return subscribeLength(filter.length);
  }

  writeSubscribe(packetIdentifier: number, filter: Uint8Array): void {
    this.outbox.to = writeSubscribe(this.outbox.bytes, this.outbox.to, packetIdentifier, filter, 1);
  }

  unsubscribeLength(filter: Uint8Array): number {
    return unsubscribeLength(filter.length);
  }

  writeUnsubscribe(packetIdentifier: number, filter: Uint8Array): void {
    this.outbox.to = writeUnsubscribe(this.outbox.bytes, this.outbox.to, packetIdentifier, filter);
  }

  messageLength(topicLength: number, qos: number, payloadLength: number): number {
    const header = publishHeaderLength(topicLength, qos, payloadLength);
    return header + payloadLength > this.terms.packetBytesMax ? Infinity : header;
  }

  writeMessage(topic: Uint8Array, packetIdentifier: number, qos: number, payloadLength: number): void {
    this.describe(topic, topic.length, qos, payloadLength);
    this.publish.packetIdentifier = packetIdentifier;
    this.outbox.to = this.writeHeader(false);
  }

  /** Of a PUBLISH at this QoS, up to its payload. */
  protected headerLength(topicLength: number, qos: number, payloadLength: number): number {
    return publishHeaderLength(topicLength, qos, payloadLength);
  }

  /** Composes {@link publish} up to its payload, and returns where that begins. @param _isRequest it wants an answer */
  protected writeHeader(_isRequest: boolean): number {
    return writePublishHeader(this.outbox.bytes, this.outbox.to, this.publish);
  }

  /** Of the PUBLISH to come, which is no repetition. */
  private describe(topic: Uint8Array, topicLength: number, qos: number, payloadLength: number): void {
    const publish = this.publish;
    publish.topic = topic;
    publish.topicLength = topicLength;
    publish.packetIdentifier = 0;
    publish.qos = qos;
    publish.dup = false;
    publish.payloadLength = payloadLength;
  }

  private requestTopic(): Uint8Array {
    return this.terms.isEncoded ? this.topics.encodedRequest : this.topics.request;
  }

  private subscribe(): void {
    this.subscribeIdentifier = this.deliveries.nextPacketIdentifier();
    this.writeSubscribe(this.subscribeIdentifier, this.config.filter);
  }
}
