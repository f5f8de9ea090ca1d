import type { Login } from "../proof/proof.js";
import { Status } from "../status.js";
import { Opcode } from "../wire/websocket/websocket.js";
import { type Channel, ChannelEvent, type ChannelParts } from "./channel.js";
import { type Delivery, type FrameSink, PieceEvent } from "./delivery.js";
import type { Outbox } from "./outbox.js";
import { Terms } from "./terms.js";
import { EndpointEvent, WebSocketEndpoint } from "./websocket-endpoint.js";

const SUBPROTOCOL = "clubby.cesanta.com";
/** Devices of mg-rpc name none. */
const MG_SUBPROTOCOL = "";

/** Frames over a WebSocket: each is a text message. Who we are is in the handshake, or by the frames. */
export class RpcOverWebSocket implements Channel {
  at: number;
  status: Status;
  readonly isPipelined: boolean;
  readonly terms: Terms;
  readonly replyBytes: number;

  private readonly outbox: Outbox;
  private readonly inbox: FrameSink;
  private readonly login: Login;
  private readonly webSocket: WebSocketEndpoint;
  private readonly hasEncoding: boolean;
  /** Of the frame that is being composed. */
  private opcode: Opcode;
  /** Bytes of the window's payload piece still to be read. */
  private pieceLeft: number;

  /** @construction */
  constructor(parts: ChannelParts, path: string) {
    const keepAliveS = parts.config.limits.keepAliveS;
    this.outbox = parts.outbox;
    this.inbox = parts.inbox;
    this.login = parts.config.proof.connect.login(parts);
    const subprotocol = parts.config.isMgRpc ? MG_SUBPROTOCOL : SUBPROTOCOL;
    this.webSocket = new WebSocketEndpoint(parts, path, subprotocol, this.login);
    this.isPipelined = false;
    this.hasEncoding = parts.encoding !== null;
    this.opcode = Opcode.TEXT;
    this.replyBytes = 0;
    // Proxies end a silent connection after a minute: 30 s by default.
    this.terms = new Terms(keepAliveS > 0 ? keepAliveS * 500 : Infinity);
    this.at = 0;
    this.status = Status.OK;
    this.pieceLeft = 0;
  }

  open(): void {
    this.status = Status.OK;
    this.terms.reset();
    this.pieceLeft = 0;
    this.webSocket.open();
  }

  read(bytes: Uint8Array, from: number, to: number): ChannelEvent {
    const webSocket = this.webSocket;
    let event = ChannelEvent.MORE;
    this.at = from;
    do {
      if (this.pieceLeft > 0 && this.readPiece(bytes)) return ChannelEvent.HOST;
      const found = webSocket.read(bytes, this.at, to);
      this.at = webSocket.at;
      if (found === EndpointEvent.MORE) return ChannelEvent.MORE;
      event = this.take(found);
    } while (event === ChannelEvent.MORE);
    return event;
  }

  takesFrame(): boolean {
    return true;
  }

  frameLength(payloadLength: number): number {
    return payloadLength;
  }

  openFrame(_request: Delivery, _payloadLength: number): number {
    this.opcode = this.terms.isEncoded ? Opcode.BINARY : Opcode.TEXT;
    return this.outbox.to;
  }

  /** The frame's `dst` names the stranger; the server routes by it. */
  openReply(_stranger: Uint8Array, _length: number, isEncoded: boolean, payloadLength: number): number {
    this.opcode = isEncoded ? Opcode.BINARY : Opcode.TEXT;
    return this.outbox.takes(payloadLength) ? this.outbox.to : -1;
  }

  closeFrame(from: number, to: number): void {
    this.outbox.to = to;
    this.webSocket.send(this.opcode, from);
  }

  /** Encoded frames travel in binary messages, both ways. */
  encode(): boolean {
    this.terms.isEncoded = this.hasEncoding;
    return true;
  }

  endEncoding(): void {
    this.terms.isEncoded = false;
  }

  ping(): boolean {
    return this.webSocket.ping();
  }

  tend(): void {
    this.webSocket.tend();
  }

  lost(_status: Status): boolean {
    return false;
  }

  leave(): void {
    this.webSocket.leave();
  }

  fail(): void {
    this.webSocket.fail();
  }

  wipe(): void {
    this.login.wipe();
    this.webSocket.wipe();
  }

  private take(found: EndpointEvent): ChannelEvent {
    const webSocket = this.webSocket;
    switch (found) {
      case EndpointEvent.OPENED:
        return ChannelEvent.READY;
      case EndpointEvent.PONG:
        return ChannelEvent.PONG;
      case EndpointEvent.BROKEN:
        this.status = webSocket.status;
        return ChannelEvent.BROKEN;
      case EndpointEvent.PAYLOAD:
        this.at = webSocket.payloadFrom;
        this.pieceLeft = webSocket.payloadTo - this.at;
        return ChannelEvent.MORE;
      case EndpointEvent.MESSAGE:
        this.inbox.close();
        return ChannelEvent.MESSAGE;
      default:
        // TEXT, or BINARY: without an encoding of ours a server may put JSON there too.
        this.inbox.open(false, this.hasEncoding && found === EndpointEvent.BINARY);
        return ChannelEvent.MORE;
    }
  }

  /** Looks at the piece that begins at `at`, to its end or to a host. Returns whether there is one. */
  private readPiece(bytes: Uint8Array): boolean {
    const to = this.at + this.pieceLeft;
    const event = this.inbox.readPiece(bytes, this.at, to);
    this.at = this.inbox.at;
    this.pieceLeft = to - this.at;
    return event === PieceEvent.HOST;
  }
}
