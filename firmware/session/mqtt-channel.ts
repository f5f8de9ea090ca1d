import type { Config } from "../config.js";
import type { Limits } from "../limits.js";
import { ConnectProof } from "../policy.js";
import { Status } from "../status.js";
import { bytesOf, copyBytes, NO_BYTES, sameBytes } from "../wire/bytes.js";
import {
  ACK_BYTES,
  type ConnectFields,
  connectLength,
  PacketType,
  PINGREQ_BYTES,
  publishHeaderLength,
  subscribeLength,
  writeAck,
  writeConnect,
  writeDisconnect,
  writePingreq,
  writePublishHeader,
  writeSubscribe,
} from "../wire/mqtt.js";
import { MqttEvent, MqttReader } from "../wire/mqtt-reader.js";
import type { Call, CallTable } from "./calls.js";
import { type Channel, ChannelEvent, type ChannelParts, type Transport } from "./channel.js";
import { type Inbox, PieceEvent } from "./inbox.js";
import { Login } from "./login.js";
import type { Outbox } from "./outbox.js";

/** CONNACK's return codes 1 to 5 are consecutive statuses from here on. */
const CONNACK_STATUS = Status.VERSION_REFUSED - 1;
const SUBACK_FAILURE = 0x80;
const SLASH = 0x2f;
const SLASH_RPC = bytesOf("/rpc");
const HYPHEN = bytesOf("-");

/** What of a connection's beginning is over. */
export enum Stage {
  /** CONNECT was sent. */
  CONNECT,
  /** CONNACK refused us. */
  REFUSED,
  /** CONNACK accepted us, SUBACK is awaited. */
  ACCEPTED,
  READY,
}

/** @construction */
const joined = (head: Uint8Array, length: number, tail: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(length + tail.length);
  copyBytes(bytes, 0, head, 0, length);
  bytes.set(tail, length);
  return bytes;
};

/** Frames over MQTT 3.1.1: requests are published, answers come on the device's own topic. */
export class MqttChannel implements Channel {
  at: number;
  status: Status;
  idleMs: number;
  isEncoded: boolean;
  hasFallback: boolean;
  reasonCode: number;
  readonly reason: Uint8Array;
  reasonLength: number;
  readonly isPipelined: boolean;
  readonly replyBytes: number;

  protected readonly config: Config;
  protected readonly calls: CallTable;
  protected readonly outbox: Outbox;
  protected readonly inbox: Inbox;
  protected readonly login: Login;
  protected readonly fields: ConnectFields;
  protected mqtt: MqttReader;
  /** The device's own topic without `/#`, in the first `topicLength` bytes of the filter. */
  private readonly topicLength: number;
  /** Behind each topic of frames in the app's encoding: `-cbor`; nothing where there is none. */
  private readonly suffix: Uint8Array;
  private readonly encodedFilter: Uint8Array;
  private readonly encodedRequestTopic: Uint8Array;
  protected stage: Stage;
  /** SUBSCRIBE leaves with CONNECT. */
  private readonly subscribesEarly: boolean;
  private subscribeIdentifier: number;
  /** Of the subscription to encoded frames; 0: there is none. */
  private encodedIdentifier: number;
  /** Bytes of the window's payload piece that were not looked at yet. */
  private pieceLeft: number;

  constructor(parts: ChannelParts, reason?: Uint8Array) {
    const config = parts.config;
    this.config = config;
    this.calls = parts.calls;
    this.outbox = parts.outbox;
    this.inbox = parts.inbox;
    this.login = new Login(config, parts.scratch);
    this.fields = {
      clientId: config.deviceId,
      userName: this.login.userName,
      password: this.login.password,
      passwordLength: this.login.passwordLength,
      keepAliveSeconds: config.limits.keepAliveS,
      cleanSession: config.cleanSession,
    };
    this.topicLength = config.filter.length - 2;
    this.suffix = parts.encoding === null ? NO_BYTES : joined(HYPHEN, 1, bytesOf(parts.encoding.name));
    this.encodedFilter = joined(config.filter, this.topicLength, this.suffix);
    this.encodedRequestTopic = joined(config.requestTopic, config.requestTopic.length, this.suffix);
    this.mqtt = new MqttReader(this.encodedFilter.length + 1);
    // Only AUTH may come between CONNECT and CONNACK where there is an exchange (MQTT 5, 4.12).
    this.subscribesEarly = config.pipeline && config.connectProof !== ConnectProof.EXCHANGE;
    // A kept session may hold what we published before: CONNACK says so, and nothing goes out before it.
    this.isPipelined = this.subscribesEarly && config.cleanSession;
    this.replyBytes = ACK_BYTES;
    this.idleMs = config.limits.keepAliveS > 0 ? config.limits.keepAliveS * 750 : Infinity;
    this.at = 0;
    this.status = Status.OK;
    this.reasonCode = 0;
    this.reason = reason === undefined ? NO_BYTES : reason;
    this.reasonLength = 0;
    this.stage = Stage.CONNECT;
    this.isEncoded = false;
    this.hasFallback = false;
    this.subscribeIdentifier = 0;
    this.encodedIdentifier = 0;
    this.pieceLeft = 0;
  }

  open(): void {
    this.mqtt.reset();
    this.status = Status.OK;
    this.stage = Stage.CONNECT;
    this.isEncoded = false;
    this.encodedIdentifier = 0;
    this.pieceLeft = 0;
    this.login.renew();
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
      event = this.take(packet);
    } while (event === ChannelEvent.MORE);
    return event;
  }

  takesFrame(): boolean {
    return true;
  }

  frameLength(payloadLength: number): number {
    return this.headerLength(this.requestTopic().length, 1, payloadLength) + payloadLength;
  }

  openFrame(call: Call, payloadLength: number): number {
    const topic = this.requestTopic();
    return this.writeHeader(topic, topic.length, call.packetIdentifier, 1, call.isRedelivery, payloadLength);
  }

  /** At QoS 0, to `<id>/rpc` or what it is for encoded frames: the array has room for that behind the id. */
  openReply(stranger: Uint8Array, length: number, isEncoded: boolean, payloadLength: number): number {
    const rpcLength = length + SLASH_RPC.length;
    const topicLength = rpcLength + (isEncoded ? this.suffix.length : 0);
    if (this.headerLength(topicLength, 0, payloadLength) + payloadLength > this.outbox.room()) return -1;
    stranger.set(SLASH_RPC, length);
    if (isEncoded) stranger.set(this.suffix, rpcLength);
    return this.writeHeader(stranger, topicLength, 0, 0, false, payloadLength);
  }

  closeFrame(_from: number, to: number): void {
    this.outbox.to = to;
  }

  encode(): boolean {
    const filter = this.encodedFilter;
    if (this.suffix.length === 0 || this.encodedIdentifier !== 0) return true;
    if (this.outbox.room() < this.subscribeLength(filter)) return false;
    this.encodedIdentifier = this.calls.nextPacketIdentifier();
    this.writeSubscribe(this.encodedIdentifier, filter);
    return true;
  }

  endEncoding(): void {
    this.isEncoded = false;
  }

  ping(): boolean {
    const outbox = this.outbox;
    const hasRoom = outbox.room() >= PINGREQ_BYTES;
    if (hasRoom) outbox.to = writePingreq(outbox.bytes, outbox.to);
    return hasRoom;
  }

  tend(): void {}

  leave(): void {
    this.outbox.to = writeDisconnect(this.outbox.bytes, 0);
  }

  /** MQTT 3.1.1 has no words for it: the connection is closed (4.8). */
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
        this.takePuback();
        return ChannelEvent.MORE;
      case MqttEvent.PINGRESP:
        return ChannelEvent.PONG;
      case MqttEvent.PUBLISH:
        return this.takePublish();
      case MqttEvent.PAYLOAD:
        this.at = this.mqtt.payloadFrom;
        this.pieceLeft = this.mqtt.payloadTo - this.at;
        return ChannelEvent.MORE;
      case MqttEvent.MESSAGE:
        this.takeMessage();
        return ChannelEvent.MESSAGE;
      default:
        return this.broken(Status.MQTT_UNEXPECTED);
    }
  }

  protected broken(status: Status): ChannelEvent {
    this.status = status;
    return ChannelEvent.BROKEN;
  }

  protected takeConnack(): ChannelEvent {
    const mqtt = this.mqtt;
    const isStrange = this.stage !== Stage.CONNECT || (mqtt.sessionPresent && this.config.cleanSession);
    if (isStrange) return this.broken(Status.MQTT_UNEXPECTED);
    this.reasonCode = mqtt.returnCode;
    if (mqtt.returnCode !== 0) {
      this.stage = Stage.REFUSED;
      return this.broken(this.refusalOf(mqtt.returnCode));
    }
    this.stage = Stage.ACCEPTED;
    if (!mqtt.sessionPresent) this.calls.forgetPackets();
    if (!this.subscribesEarly) this.subscribe();
    return ChannelEvent.MORE;
  }

  protected takeSuback(): ChannelEvent {
    const mqtt = this.mqtt;
    if (this.stage === Stage.READY && !this.isEncoded && mqtt.packetIdentifier === this.encodedIdentifier) {
      // A broker that refuses it leaves us with JSON.
      this.isEncoded = mqtt.returnCode !== SUBACK_FAILURE;
      return ChannelEvent.MORE;
    }
    if (this.stage === Stage.READY || mqtt.packetIdentifier !== this.subscribeIdentifier) {
      return this.broken(Status.MQTT_UNEXPECTED);
    }
    if (mqtt.returnCode >= SUBACK_FAILURE) {
      this.reasonCode = mqtt.returnCode;
      return this.broken(Status.SUBSCRIPTION_REFUSED);
    }
    this.stage = Stage.READY;
    return ChannelEvent.READY;
  }

  protected takePuback(): void {
    const call = this.calls.sentWithPacket(this.mqtt.packetIdentifier);
    if (call !== null) call.isAcknowledged = true;
  }

  protected takePublish(): ChannelEvent {
    const mqtt = this.mqtt;
    const length = this.topicLength;
    const encoded = this.encodedFilter;
    if (mqtt.qos > 1) return this.broken(Status.MQTT_QOS);
    const isOurs =
      sameBytes(this.config.filter, 0, mqtt.topic, 0, length) &&
      (mqtt.topicLength === length || (mqtt.topicLength > length && mqtt.topic[length] === SLASH));
    const isEncoded =
      this.encodedIdentifier !== 0 &&
      mqtt.topicLength === encoded.length &&
      sameBytes(encoded, 0, mqtt.topic, 0, encoded.length);
    if (isEncoded) this.inbox.open(false, true);
    else if (isOurs) this.inbox.open(mqtt.topicLength > length + 1, false);
    else this.inbox.ignore();
    return ChannelEvent.MORE;
  }

  private takeMessage(): void {
    const outbox = this.outbox;
    this.inbox.close();
    if (this.mqtt.qos === 1) {
      outbox.to = writeAck(outbox.bytes, outbox.to, PacketType.PUBACK, this.mqtt.packetIdentifier);
    }
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

  protected subscribeLength(filter: Uint8Array): number {
    return subscribeLength(filter.length);
  }

  protected writeSubscribe(packetIdentifier: number, filter: Uint8Array): void {
    this.outbox.to = writeSubscribe(this.outbox.bytes, this.outbox.to, packetIdentifier, filter, 1);
  }

  /** Of a PUBLISH at this QoS, up to its payload. */
  protected headerLength(topicLength: number, qos: number, payloadLength: number): number {
    return publishHeaderLength(topicLength, qos, payloadLength);
  }

  /** Composes a PUBLISH up to its payload, and returns where that begins. */
  protected writeHeader(
    topic: Uint8Array,
    topicLength: number,
    packetIdentifier: number,
    qos: number,
    dup: boolean,
    payloadLength: number,
  ): number {
    const outbox = this.outbox;
    return writePublishHeader(
      outbox.bytes,
      outbox.to,
      topic,
      topicLength,
      packetIdentifier,
      qos,
      dup,
      false,
      payloadLength,
    );
  }

  private requestTopic(): Uint8Array {
    return this.isEncoded ? this.encodedRequestTopic : this.config.requestTopic;
  }

  private subscribe(): void {
    this.subscribeIdentifier = this.calls.nextPacketIdentifier();
    this.writeSubscribe(this.subscribeIdentifier, this.config.filter);
  }
}

/**
 * The channel, if the send buffer has room for what it begins with.
 * @construction
 * @throws Error that names the limit to raise
 */
export const fitting = (channel: MqttChannel, limits: Limits): Channel => {
  const bytes = channel.openingLength();
  if (bytes <= limits.sendBytes) return channel;
  throw new Error(
    `motekey: limits.sendBytes must be at least ${bytes} for CONNECT and SUBSCRIBE of this device`,
  );
};

/** @construction */
const mqttChannel = (parts: ChannelParts): Channel => fitting(new MqttChannel(parts), parts.config.limits);

/** MQTT 3.1.1. */
export const mqtt: Transport = { name: "mqtt", hasExchange: false, channel: mqttChannel };
