import { Status } from "../status.js";
import { CloseCode, Opcode } from "../wire/websocket/websocket.js";
import { type Channel, ChannelEvent, type ChannelParts, type Transport } from "./channel.js";
import type { Delivery } from "./delivery.js";
import type { Outbox } from "./outbox.js";
import type { Terms } from "./terms.js";
import { EndpointEvent, WebSocketEndpoint } from "./websocket-endpoint.js";

/** Of MQTT 3.1.1 and of 5 (section 6 of both). */
const SUBPROTOCOL = "mqtt";

/**
 * MQTT in the binary messages of a WebSocket (MQTT 3.1.1, 6). What the channel inside composes in the outbox
 * becomes a message in its place, so that there is no second buffer.
 */
export class MqttOverWebSocket implements Channel {
  at: number;
  status: Status;
  isPipelined: boolean;
  readonly terms: Terms;
  readonly replyBytes: number;

  private readonly outbox: Outbox;
  private readonly webSocket: WebSocketEndpoint;
  private readonly mqtt: Channel;
  /** The channel inside may have more to say about the window, whose bytes up to `pieceLeft` are its. */
  private hasPiece: boolean;
  private pieceLeft: number;
  /** Where the frame begins that is being composed. */
  private openedAt: number;

  /** @construction */
  constructor(parts: ChannelParts, inside: Transport, path: string) {
    this.outbox = parts.outbox;
    this.webSocket = new WebSocketEndpoint(parts, path, SUBPROTOCOL, null);
    this.mqtt = inside.channel(parts);
    this.replyBytes = this.mqtt.replyBytes;
    this.webSocket.replyBytes = this.replyBytes;
    this.terms = this.mqtt.terms;
    this.isPipelined = false;
    this.at = 0;
    this.status = Status.OK;
    this.hasPiece = false;
    this.pieceLeft = 0;
    this.openedAt = 0;
  }

  open(): void {
    this.status = Status.OK;
    this.isPipelined = false;
    this.terms.reset();
    this.hasPiece = false;
    this.pieceLeft = 0;
    this.webSocket.open();
  }

  read(bytes: Uint8Array, from: number, to: number): ChannelEvent {
    const webSocket = this.webSocket;
    let event = ChannelEvent.MORE;
    this.at = from;
    do {
      if (this.hasPiece) event = this.readPiece(bytes);
      else {
        const found = webSocket.read(bytes, this.at, to);
        this.at = webSocket.at;
        if (found === EndpointEvent.MORE) return ChannelEvent.MORE;
        event = this.take(found);
      }
    } while (event === ChannelEvent.MORE);
    return event;
  }

  takesFrame(): boolean {
    return this.mqtt.takesFrame();
  }

  frameLength(payloadLength: number): number {
    return this.mqtt.frameLength(payloadLength);
  }

  openFrame(request: Delivery, payloadLength: number): number {
    this.openedAt = this.outbox.to;
    return this.mqtt.openFrame(request, payloadLength);
  }

  openReply(stranger: Uint8Array, length: number, isEncoded: boolean, payloadLength: number): number {
    this.openedAt = this.outbox.to;
    return this.mqtt.openReply(stranger, length, isEncoded, payloadLength);
  }

  closeFrame(from: number, to: number): void {
    this.mqtt.closeFrame(from, to);
    this.webSocket.send(Opcode.BINARY, this.openedAt);
  }

  encode(): boolean {
    const outbox = this.outbox;
    const from = outbox.to;
    const isDone = this.mqtt.encode();
    this.sendFrom(from);
    return isDone;
  }

  /** MQTT's own: its answer proves that the broker is alive, not only a proxy before it. */
  endEncoding(): void {
    this.mqtt.endEncoding();
  }

  ping(): boolean {
    const from = this.outbox.to;
    if (!this.mqtt.ping()) return false;
    this.webSocket.send(Opcode.BINARY, from);
    return true;
  }

  tend(): void {
    const from = this.outbox.to;
    this.mqtt.tend();
    this.sendFrom(from);
    this.webSocket.tend();
  }

  lost(status: Status): boolean {
    return this.webSocket.isOpen && this.mqtt.lost(status);
  }

  leave(): void {
    if (!this.webSocket.isOpen) return;
    this.mqtt.leave();
    this.sendFrom(0);
    this.webSocket.leave();
  }

  /** MQTT's answers first, then WebSocket's. */
  fail(): void {
    if (this.webSocket.isOpen) this.mqtt.fail();
    this.sendFrom(0);
    this.webSocket.fail();
  }

  wipe(): void {
    this.mqtt.wipe();
    this.webSocket.wipe();
  }

  /** What the channel inside composed from here on, if anything, becomes a message. */
  private sendFrom(from: number): void {
    if (this.outbox.to > from) this.webSocket.send(Opcode.BINARY, from);
  }

  private take(found: EndpointEvent): ChannelEvent {
    const webSocket = this.webSocket;
    switch (found) {
      case EndpointEvent.OPENED:
        this.mqtt.open();
        webSocket.send(Opcode.BINARY, 0);
        this.isPipelined = this.mqtt.isPipelined;
        return ChannelEvent.MORE;
      case EndpointEvent.PAYLOAD:
        this.at = webSocket.payloadFrom;
        this.pieceLeft = webSocket.payloadTo - this.at;
        this.hasPiece = true;
        return ChannelEvent.MORE;
      case EndpointEvent.TEXT:
        // MQTT travels in binary messages alone (6.0).
        this.webSocket.words.keep(0);
        webSocket.broken(Status.WS_PAYLOAD, CloseCode.UNSUPPORTED_DATA);
        return this.broken();
      case EndpointEvent.BROKEN:
        return this.broken();
      default:
        // Packets need not end where messages do (6.0).
        return ChannelEvent.MORE;
    }
  }

  private readPiece(bytes: Uint8Array): ChannelEvent {
    const outbox = this.outbox;
    const mqtt = this.mqtt;
    const to = this.at + this.pieceLeft;
    const from = outbox.to;
    const event = mqtt.read(bytes, this.at, to);
    this.at = mqtt.at;
    this.pieceLeft = to - this.at;
    this.hasPiece = event !== ChannelEvent.MORE;
    this.sendFrom(from);
    this.status = mqtt.status;
    if (event === ChannelEvent.BROKEN) this.webSocket.broken(mqtt.status, CloseCode.PROTOCOL_ERROR);
    return event;
  }

  private broken(): ChannelEvent {
    this.status = this.webSocket.status;
    return ChannelEvent.BROKEN;
  }
}
