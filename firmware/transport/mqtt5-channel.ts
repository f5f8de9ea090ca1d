import type { Exchange } from "../proof/proof.js";
import { Status } from "../status.js";
import { bytesOf, NO_BYTES, sameBytes } from "../wire/bytes.js";
import {
  type Connect5Fields,
  connect5Length,
  publish5HeaderLength,
  type ResponseFields,
  subscribe5Length,
  unsubscribe5Length,
  writeAuth,
  writeConnect5,
  writeDisconnect5,
  writePublish5Header,
  writeSubscribe5,
  writeUnsubscribe5,
} from "../wire/mqtt/mqtt5.js";
import { Fault, type Mqtt5Properties, REASON_BYTES_MAX } from "../wire/mqtt/mqtt5-properties.js";
import { Mqtt5Reader } from "../wire/mqtt/mqtt5-reader.js";
import { MqttEvent, type MqttReader } from "../wire/mqtt/reader.js";
import { ACKS_MAX } from "./app-lane.js";
import { type ChannelEvent, type ChannelParts, ChannelEvent as Event } from "./channel.js";
import type { Delivery } from "./delivery.js";
import { MqttChannel } from "./mqtt-channel.js";
import { statusOf } from "./mqtt5-reason.js";
import { keepText, makeRoom } from "./peer-words.js";
import { idleMsOf, Stage } from "./terms.js";

const RPC = bytesOf("/rpc");
const CORRELATION_BYTES = 8;
const UNSUPPORTED_VERSION = 1;
const CONTINUE_AUTHENTICATION = 0x18;
/** Reason codes from here on refuse (2.4). */
const REFUSALS_FROM = 0x80;
const NOT_AUTHORIZED = 0x87;
const QUOTA_EXCEEDED = 0x97;
/** How long the broker keeps our session where `cleanSession` is off, s. */
const SESSION_EXPIRY_S = 3_600;

/**
 * Frames over MQTT 5, or over 3.1.1 where the broker knows no other: it says so in its CONNACK, or closes the
 * connection without one. The proof `auth5` never falls back.
 */
export class Mqtt5Channel extends MqttChannel {
  /** The fields of 3.1.1, and what only MQTT 5 has. */
  private readonly fields5: Connect5Fields;
  private readonly four: MqttReader;
  private readonly five: Mqtt5Reader;
  private readonly properties: Mqtt5Properties;
  private readonly exchange: Exchange | null;
  /** The version of this connection is 5. */
  private isFive: boolean;
  /** Which of the cloud's addresses we speak 3.1.1 to; −1: none. */
  private oldAddress: number;
  /** Its broker closed a connection silently, perhaps for another reason. */
  private isGuess: boolean;
  /** Of our requests: `<id>/rpc`, and the request's id, 64 bits. */
  private readonly response: ResponseFields;
  /** The reason code of our DISCONNECT, which ends the connection; 0: none. */
  private fault: Fault | 0;

  constructor(parts: ChannelParts) {
    super(parts);
    const config = parts.config;
    const exchange = this.login.exchange;
    makeRoom(parts.words, REASON_BYTES_MAX);
    this.four = this.mqtt;
    this.five = new Mqtt5Reader(this.mqtt.topic.length);
    this.properties = this.five.properties;
    this.exchange = exchange;
    this.fields5 = {
      clientId: this.fields.clientId,
      userName: this.fields.userName,
      password: this.fields.password,
      passwordLength: 0,
      keepAliveSeconds: this.fields.keepAliveSeconds,
      cleanSession: this.fields.cleanSession,
      sessionExpirySeconds: config.cleanSession ? 0 : SESSION_EXPIRY_S,
      receiveMaximum: parts.app === null ? 0 : ACKS_MAX,
      method: exchange === null ? null : exchange.method,
      data: exchange === null ? NO_BYTES : exchange.opening,
    };
    this.isFive = true;
    this.oldAddress = -1;
    this.isGuess = false;
    const responseTopic = new Uint8Array(config.deviceId.length + RPC.length);
    responseTopic.set(config.deviceId, 0);
    responseTopic.set(RPC, config.deviceId.length);
    this.response = { responseTopic, correlation: new Uint8Array(CORRELATION_BYTES) };
    this.fault = 0;
  }

  override open(): void {
    this.isFive = this.oldAddress !== this.config.addresses.index;
    this.mqtt = this.isFive ? this.five : this.four;
    this.fault = 0;
    super.open();
    this.terms.isOld = !this.isFive;
  }

  override takesFrame(): boolean {
    return super.takesFrame() && this.terms.inFlight < this.terms.receiveMaximum;
  }

  override openFrame(request: Delivery, payloadLength: number): number {
    this.writeCorrelation(request.id);
    return super.openFrame(request, payloadLength);
  }

  /**
   * A broker without MQTT 5 says so, or closes the connection without a CONNACK; then we try 3.1.1. After a
   * silent close we try 5 again when that connection is over: perhaps only the CONNACK was lost.
   */
  override lost(status: Status): boolean {
    const isClosed = status === Status.CONNECTION_LOST || status === Status.WS_REFUSED;
    const isRefused = status === Status.VERSION_REFUSED;
    if (this.exchange !== null) return false;
    if (!this.isFive) {
      if (this.isGuess) this.oldAddress = -1;
      return false;
    }
    if (!isRefused && !(isClosed && this.stage === Stage.CONNECT)) return false;
    this.oldAddress = this.config.addresses.index;
    this.isGuess = !isRefused;
    return true;
  }

  /** DISCONNECT with a reason (4.13), to a peer that spoke MQTT 5. */
  override fail(): void {
    if (this.fault !== 0) this.outbox.to = writeDisconnect5(this.outbox.bytes, this.outbox.to, this.fault);
  }

  protected override take(packet: MqttEvent): ChannelEvent {
    if (!this.isFive) return super.take(packet);
    if (packet === MqttEvent.DISCONNECT) return this.takeDisconnect();
    if (packet === MqttEvent.AUTH) return this.takeAuth();
    if (packet === MqttEvent.PUBACK) this.countInFlight(-1);
    return super.take(packet);
  }

  protected override broken(status: Status): ChannelEvent {
    const five = this.five;
    if (this.isFive && five.status !== Status.OK) this.fault = five.fault();
    else if (this.isFive && (status === Status.MQTT_UNEXPECTED || status === Status.MQTT_QOS))
      this.fault = Fault.PROTOCOL_ERROR;
    return super.broken(status);
  }

  protected override takeConnack(): ChannelEvent {
    const five = this.five;
    const properties = this.properties;
    if (!this.isFive) return super.takeConnack();
    const isOld = five.isOldConnack;
    // A peer that answers this knows no DISCONNECT with a reason.
    if (isOld && five.returnCode !== UNSUPPORTED_VERSION) return super.broken(Status.MQTT_UNEXPECTED);
    if (five.returnCode === 0) {
      if (this.exchange !== null && !this.exchange.isProved) return this.broken(Status.EXCHANGE_WRONG);
      // CONNACK names the method that we named, or none (4.12).
      if (this.exchange === null ? properties.methodLength >= 0 : !this.isMethod(this.exchange.method))
        return this.broken(Status.MQTT_UNEXPECTED);
      // We publish at QoS 1, under the name that we gave.
      if (properties.maximumQos === 0) return this.leaveWith(Status.MQTT_QOS, Fault.IMPLEMENTATION);
      if (properties.hasAssignedClientIdentifier)
        return this.leaveWith(Status.CLIENT_ID_REFUSED, Fault.PROTOCOL_ERROR);
      const terms = this.terms;
      terms.receiveMaximum = properties.receiveMaximum;
      terms.packetBytesMax = Math.min(terms.packetBytesMax, properties.maximumPacketSize);
      if (properties.serverKeepAlive >= 0) terms.idleMs = idleMsOf(properties.serverKeepAlive);
    }
    return super.takeConnack();
  }

  protected override refusalOf(returnCode: number): Status {
    if (!this.isFive || this.five.isOldConnack) return super.refusalOf(returnCode);
    return statusOf(returnCode, Status.SERVER_UNAVAILABLE);
  }

  protected override takePuback(): void {
    const code = this.mqtt.returnCode;
    // The app's own messages get theirs.
    const request = this.isFive ? this.deliveries.sentWithPacket(this.mqtt.packetIdentifier) : null;
    if (request !== null && code >= REFUSALS_FROM) {
      this.words.keep(code);
      keepText(this.words, this.properties.reason, this.properties.reasonLength);
      request.cause =
        code === NOT_AUTHORIZED ? Status.PUBLISH_REFUSED : statusOf(code, Status.PUBLISH_REFUSED);
      request.said = this.words.serial;
    } else if (request !== null && request.said > 0) request.absolve();
    super.takePuback();
  }

  protected override takePublish(): ChannelEvent {
    const event = super.takePublish();
    // An answer to no pending request: its frame would say the same, later.
    if (this.isFive && this.properties.dataLength === CORRELATION_BYTES && event !== Event.BROKEN) {
      if (this.deliveries.sentWithId(this.readCorrelation()) === null) this.inbox.ignore();
    }
    return event;
  }

  protected override connectLength(): number {
    this.fields5.passwordLength = this.fields.passwordLength;
    return connect5Length(this.fields5);
  }

  protected override writeConnect(): void {
    const outbox = this.outbox;
    this.fields5.passwordLength = this.fields.passwordLength;
    if (this.isFive) outbox.to = writeConnect5(outbox.bytes, outbox.to, this.fields5);
    else super.writeConnect();
  }

  override subscribeLength(filter: Uint8Array): number {
    return subscribe5Length(filter.length);
  }

  override writeSubscribe(packetIdentifier: number, filter: Uint8Array): void {
    const outbox = this.outbox;
    if (this.isFive) outbox.to = writeSubscribe5(outbox.bytes, outbox.to, packetIdentifier, filter);
    else super.writeSubscribe(packetIdentifier, filter);
  }

  override unsubscribeLength(filter: Uint8Array): number {
    return unsubscribe5Length(filter.length);
  }

  override writeUnsubscribe(packetIdentifier: number, filter: Uint8Array): void {
    const outbox = this.outbox;
    if (this.isFive) outbox.to = writeUnsubscribe5(outbox.bytes, outbox.to, packetIdentifier, filter);
    else super.writeUnsubscribe(packetIdentifier, filter);
  }

  override messageLength(topicLength: number, qos: number, payloadLength: number): number {
    const header = publish5HeaderLength(topicLength, qos, 0, 0, payloadLength);
    return header + payloadLength > this.terms.packetBytesMax ? Infinity : header;
  }

  protected override headerLength(topicLength: number, qos: number, payloadLength: number): number {
    if (!this.isFive) return super.headerLength(topicLength, qos, payloadLength);
    const response = qos === 0 ? 0 : this.response.responseTopic.length;
    return publish5HeaderLength(topicLength, qos, response, CORRELATION_BYTES, payloadLength);
  }

  /** Only requests have a Response Topic. */
  protected override writeHeader(isRequest: boolean): number {
    if (!this.isFive) return super.writeHeader(isRequest);
    this.countInFlight(this.publish.qos);
    return writePublish5Header(
      this.outbox.bytes,
      this.outbox.to,
      this.publish,
      isRequest ? this.response : null,
    );
  }

  private countInFlight(change: number): void {
    this.terms.inFlight = Math.max(0, this.terms.inFlight + change);
  }

  private takeDisconnect(): ChannelEvent {
    const code = this.five.returnCode;
    return this.refused(statusOf(code, Status.CONNECTION_LOST), code);
  }

  /** The cloud's challenge, once, before CONNACK. */
  private takeAuth(): ChannelEvent {
    const outbox = this.outbox;
    const exchange = this.exchange;
    const properties = this.properties;
    const isAsked = exchange !== null && this.stage === Stage.CONNECT && !exchange.isProved;
    if (!isAsked || this.five.returnCode !== CONTINUE_AUTHENTICATION || !this.isMethod(exchange.method))
      return this.broken(Status.MQTT_UNEXPECTED);
    if (!exchange.take(properties.data, properties.dataLength)) return this.broken(Status.EXCHANGE_WRONG);
    outbox.to = writeAuth(outbox.bytes, outbox.to, exchange.method, exchange.answer);
    return Event.MORE;
  }

  private isMethod(method: Uint8Array): boolean {
    const properties = this.properties;
    return (
      properties.methodLength === method.length && sameBytes(properties.method, 0, method, 0, method.length)
    );
  }

  private leaveWith(status: Status, fault: Fault): ChannelEvent {
    const event = this.broken(status);
    this.fault = fault;
    return event;
  }

  /** A quota is one in SUBACK, too. */
  protected override refused(status: Status, code: number): ChannelEvent {
    super.refused(code === QUOTA_EXCEEDED ? Status.QUOTA_EXCEEDED : status, code);
    if (this.isFive && code > 0) keepText(this.words, this.properties.reason, this.properties.reasonLength);
    return Event.BROKEN;
  }

  private writeCorrelation(id: number): void {
    let rest = id;
    for (let i = CORRELATION_BYTES - 1; i >= 0; i--) {
      this.response.correlation[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }

  private readCorrelation(): number {
    let id = 0;
    for (let i = 0; i < CORRELATION_BYTES; i++) id = id * 256 + this.properties.data[i];
    return id;
  }
}
