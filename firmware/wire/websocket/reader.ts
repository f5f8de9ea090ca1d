import { Status } from "../../status.js";
import { utf8Next } from "../utf8.js";
import { CloseCode, CONTROL_BYTES_MAX, isCloseCode, Opcode } from "./websocket.js";

/** What {@link WebSocketReader.read} found. */
export enum WebSocketEvent {
  /** The window is used up: nothing is pending. */
  MORE,
  /** Malformed: fail the connection. `status` says why, `at` is the byte that could not come here. */
  REFUSED,
  /** A message begins; PAYLOAD (none if it is empty) and MESSAGE follow, control frames between them. */
  TEXT,
  BINARY,
  /** A piece of the message lies in the window: `bytes[payloadFrom..payloadTo)`. */
  PAYLOAD,
  /** The message is complete. */
  MESSAGE,
  /** A Ping lies in `ping`. */
  PING,
  PONG,
  /** A Close: `closeCode` says why. Nothing that follows it counts. */
  CLOSE,
}

enum Step {
  OPCODE,
  LENGTH,
  LENGTH_BYTES,
  PAYLOAD,
  CONTROL,
}

const FINAL = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const LENGTH_MAX = 9007199254740991;

/**
 * Reads the frames that a server sends, RFC 6455, from windows of any size: any split of the same bytes gives the
 * same events, but for the pieces of a payload. No extension is spoken. Text is checked to be UTF-8 over the
 * fragments of its message.
 */
export class WebSocketReader {
  /** The first byte not consumed, after `read()`. */
  at: number;
  /** Why REFUSED; else OK. */
  status: Status;
  /** The piece of PAYLOAD: indexes into the window. */
  payloadFrom: number;
  payloadTo: number;
  /** The latest Ping's payload: `ping[0..pingLength)`. */
  readonly ping: Uint8Array;
  pingLength: number;
  /** A whole Ping lies in `ping`. Who has answered it says false. */
  hasPing: boolean;
  /** Of CLOSE; {@link CloseCode.NO_STATUS} where the frame has none. */
  closeCode: number;
  /** The words of CLOSE, in the place of the latest Ping: `ping[0..reasonLength)`. */
  reasonLength: number;

  private step: Step;
  private opcode: Opcode;
  private isFinal: boolean;
  /** TEXT or BINARY while a message is under way, else CONTINUATION. */
  private messageOpcode: Opcode;
  /** Bytes of the frame's payload, and of its extended length, still to come. */
  private payloadLeft: number;
  private lengthBytesLeft: number;
  private lengthBytes: number;
  private messageUtf8: number;
  private controlUtf8: number;
  private controlRead: number;

  constructor() {
    this.ping = new Uint8Array(CONTROL_BYTES_MAX);
    this.pingLength = 0;
    this.hasPing = false;
    this.at = 0;
    this.payloadFrom = 0;
    this.payloadTo = 0;
    this.status = Status.OK;
    this.step = Step.OPCODE;
    this.opcode = Opcode.CONTINUATION;
    this.isFinal = false;
    this.messageOpcode = Opcode.CONTINUATION;
    this.payloadLeft = 0;
    this.lengthBytesLeft = 0;
    this.lengthBytes = 0;
    this.messageUtf8 = 0;
    this.controlUtf8 = 0;
    this.controlRead = 0;
    this.closeCode = CloseCode.NO_STATUS;
    this.reasonLength = 0;
  }

  /** A new connection: the next byte begins a frame, and no message is under way. */
  reset(): void {
    this.status = Status.OK;
    this.hasPing = false;
    this.step = Step.OPCODE;
    this.messageOpcode = Opcode.CONTINUATION;
  }

  /** Forgets the latest Ping. */
  wipe(): void {
    this.ping.fill(0);
  }

  /**
   * Consumes `bytes[from…to)` up to the next event. Call it again from `at`, with an empty window too, until it
   * says MORE: MESSAGE needs no byte of its own.
   */
  read(bytes: Uint8Array, from: number, to: number): WebSocketEvent {
    let event = this.status === Status.OK ? WebSocketEvent.MORE : WebSocketEvent.REFUSED;
    this.at = from;
    while (event === WebSocketEvent.MORE) {
      if (this.step === Step.PAYLOAD && this.payloadLeft === 0) {
        this.step = Step.OPCODE;
        if (this.isFinal) return this.endMessage();
      }
      if (this.at === to) return WebSocketEvent.MORE;
      if (this.step === Step.PAYLOAD) return this.readPayload(bytes, to);
      const byte = bytes[this.at];
      event = this.step === Step.CONTROL ? this.readControl(byte) : this.readHeader(byte);
      if (event !== WebSocketEvent.REFUSED) this.at++;
    }
    return event;
  }

  private readPayload(bytes: Uint8Array, to: number): WebSocketEvent {
    const from = this.at;
    let pieceTo = to - from > this.payloadLeft ? from + this.payloadLeft : to;
    if (this.messageOpcode === Opcode.TEXT) {
      pieceTo = this.checkText(bytes, from, pieceTo);
      if (pieceTo === from) return this.refuse(Status.WS_PAYLOAD);
    }
    this.at = pieceTo;
    this.payloadFrom = from;
    this.payloadTo = pieceTo;
    this.payloadLeft -= pieceTo - from;
    return WebSocketEvent.PAYLOAD;
  }

  /** Returns where the text stops to be UTF-8, or `to`. */
  private checkText(bytes: Uint8Array, from: number, to: number): number {
    let utf8 = this.messageUtf8;
    let i = from;
    while (i < to) {
      const byte = bytes[i];
      if (byte >= 0x80 || utf8 !== 0) {
        const next = utf8Next(utf8, byte);
        if (next < 0) break;
        utf8 = next;
      }
      i++;
    }
    this.messageUtf8 = utf8;
    return i;
  }

  private endMessage(): WebSocketEvent {
    this.messageOpcode = Opcode.CONTINUATION;
    return this.messageUtf8 === 0 ? WebSocketEvent.MESSAGE : this.refuse(Status.WS_PAYLOAD);
  }

  private readHeader(byte: number): WebSocketEvent {
    if (this.step === Step.OPCODE) return this.readOpcode(byte);
    if (this.step === Step.LENGTH) return this.readLength(byte);
    // The most significant bit of the 64 must be 0 (5.2).
    const isFirst = this.lengthBytesLeft === this.lengthBytes;
    if (isFirst && this.lengthBytes === 8 && byte > 127) return this.refuse(Status.WS_LENGTH);
    this.payloadLeft = this.payloadLeft * 256 + byte;
    this.lengthBytesLeft--;
    if (this.lengthBytesLeft > 0) return WebSocketEvent.MORE;
    const isShortest = this.payloadLeft >= (this.lengthBytes === 2 ? LENGTH_16 : 65536);
    if (!isShortest || this.payloadLeft > LENGTH_MAX) return this.refuse(Status.WS_LENGTH);
    return this.beginPayload();
  }

  private readOpcode(byte: number): WebSocketEvent {
    const opcode = byte & 15;
    if ((byte & RESERVED) !== 0) return this.refuse(Status.WS_FRAME);
    if (opcode > Opcode.PONG || (opcode > Opcode.BINARY && opcode < Opcode.CLOSE)) {
      return this.refuse(Status.WS_FRAME);
    }
    this.opcode = opcode;
    this.isFinal = byte >= FINAL;
    // Control frames are whole; a message begins with its type and goes on without one (5.4).
    const goesOn = opcode === Opcode.CONTINUATION;
    const isUnderWay = this.messageOpcode !== Opcode.CONTINUATION;
    if (this.isControl() ? !this.isFinal : goesOn !== isUnderWay) return this.refuse(Status.WS_FRAGMENT);
    this.step = Step.LENGTH;
    return WebSocketEvent.MORE;
  }

  private readLength(byte: number): WebSocketEvent {
    if (byte >= MASKED) return this.refuse(Status.WS_FRAME);
    this.payloadLeft = byte;
    if (byte < LENGTH_16) return this.beginPayload();
    if (this.isControl()) return this.refuse(Status.WS_LENGTH);
    this.lengthBytes = byte === LENGTH_64 ? 8 : 2;
    this.lengthBytesLeft = this.lengthBytes;
    this.payloadLeft = 0;
    this.step = Step.LENGTH_BYTES;
    return WebSocketEvent.MORE;
  }

  private beginPayload(): WebSocketEvent {
    const opcode = this.opcode;
    if (this.isControl()) return this.beginControl();
    this.step = Step.PAYLOAD;
    if (opcode === Opcode.CONTINUATION) return WebSocketEvent.MORE;
    this.messageOpcode = opcode;
    this.messageUtf8 = 0;
    return opcode === Opcode.TEXT ? WebSocketEvent.TEXT : WebSocketEvent.BINARY;
  }

  private beginControl(): WebSocketEvent {
    this.controlRead = 0;
    this.controlUtf8 = 0;
    if (this.opcode === Opcode.PING) {
      this.pingLength = this.payloadLeft;
      this.hasPing = false;
    } else if (this.opcode === Opcode.CLOSE) {
      this.closeCode = this.payloadLeft === 0 ? CloseCode.NO_STATUS : 0;
      this.hasPing = false;
      this.reasonLength = Math.max(0, this.payloadLeft - 2);
      // A code has two bytes (5.5.1).
      if (this.payloadLeft === 1) return this.refuse(Status.WS_FRAME);
    }
    this.step = Step.CONTROL;
    return this.payloadLeft === 0 ? this.endControl() : WebSocketEvent.MORE;
  }

  private readControl(byte: number): WebSocketEvent {
    const at = this.controlRead;
    if (this.opcode === Opcode.PING) this.ping[at] = byte;
    else if (this.opcode === Opcode.CLOSE && !this.isCloseByte(byte))
      return this.refuse(at < 2 ? Status.WS_FRAME : Status.WS_PAYLOAD);
    this.controlRead = at + 1;
    this.payloadLeft--;
    return this.payloadLeft === 0 ? this.endControl() : WebSocketEvent.MORE;
  }

  /** A code that may be sent, then a reason in UTF-8 (5.5.1). */
  private isCloseByte(byte: number): boolean {
    if (this.controlRead < 2) {
      this.closeCode = this.closeCode * 256 + byte;
      return this.controlRead === 0 || isCloseCode(this.closeCode);
    }
    this.ping[this.controlRead - 2] = byte;
    this.controlUtf8 = utf8Next(this.controlUtf8, byte);
    return this.controlUtf8 === 0 || (this.controlUtf8 > 0 && this.payloadLeft > 1);
  }

  private endControl(): WebSocketEvent {
    this.step = Step.OPCODE;
    if (this.opcode === Opcode.PONG) return WebSocketEvent.PONG;
    if (this.opcode === Opcode.CLOSE) return WebSocketEvent.CLOSE;
    this.hasPing = true;
    return WebSocketEvent.PING;
  }

  private isControl(): boolean {
    return this.opcode >= Opcode.CLOSE;
  }

  private refuse(status: Status): WebSocketEvent {
    this.status = status;
    return WebSocketEvent.REFUSED;
  }
}
