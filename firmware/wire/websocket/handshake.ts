import { Status } from "../../status.js";
import { bytesOf, sameBytes } from "../bytes.js";
import type { Writer } from "../writer.js";

/** Characters of the key that we send, base64 of 16 bytes (RFC 6455, 4.1). */
export const KEY_CHARACTERS = 24;
/** Characters of the server's answer to it, base64 of a SHA-1 digest (4.2.2). */
export const ACCEPT_CHARACTERS = 28;
/** What is put behind the key before it is hashed (1.3). */
export const ACCEPT_GUID = bytesOf("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");

/** Longest head of a response, bytes, and how much of a line is looked at. */
const RESPONSE_BYTES_MAX = 4096;
const LINE_BYTES_MAX = 128;

const GET = bytesOf("GET ");
const HOST = bytesOf(" HTTP/1.1\r\nHost: ");
const UPGRADE_AND_VERSION = bytesOf(
  "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13",
);
const PROTOCOL = bytesOf("\r\nSec-WebSocket-Protocol: ");
const BASIC = bytesOf("\r\nAuthorization: Basic ");
const KEY = bytesOf("\r\nSec-WebSocket-Key: ");
const END = bytesOf("\r\n\r\n");

/** What a client asks for in its opening handshake. Made once. */
export interface HandshakeFields {
  /** Path and query, ASCII. */
  path: Uint8Array;
  /** Host, and the port where it is not the scheme's. */
  host: Uint8Array;
  /** The one subprotocol that we speak; empty: we ask for none. */
  subprotocol: Uint8Array;
  /** Base64 of `user:password` (RFC 7617), its first `credentialsLength` bytes; null: no `Authorization`. */
  credentials: Uint8Array | null;
  credentialsLength: number;
  /** Its first {@link KEY_CHARACTERS}, new for each connection. */
  key: Uint8Array;
}

/** The client's opening handshake (4.1). */
export function writeHandshake(writer: Writer, fields: HandshakeFields): void {
  writer.bytes(GET);
  writer.bytes(fields.path);
  writer.bytes(HOST);
  writer.bytes(fields.host);
  writer.bytes(UPGRADE_AND_VERSION);
  if (fields.subprotocol.length > 0) {
    writer.bytes(PROTOCOL);
    writer.bytes(fields.subprotocol);
  }
  if (fields.credentials !== null) {
    writer.bytes(BASIC);
    writer.part(fields.credentials, fields.credentialsLength);
  }
  writer.bytes(KEY);
  writer.part(fields.key, KEY_CHARACTERS);
  writer.bytes(END);
}

/** What {@link HandshakeReader.read} came to. */
export enum HandshakeEvent {
  /** All bytes were consumed; the answer is not complete. */
  MORE,
  /** The server does not speak WebSocket with us; `status` says why. */
  REFUSED,
  /** The connection is a WebSocket from `at` on. */
  OPENED,
}

// Names are lower case here, and in any case on the wire (RFC 9110, 5.1).
const UPGRADE = bytesOf("upgrade");
const CONNECTION = bytesOf("connection");
const SEC_ACCEPT = bytesOf("sec-websocket-accept");
const SEC_PROTOCOL = bytesOf("sec-websocket-protocol");
const SEC_EXTENSIONS = bytesOf("sec-websocket-extensions");
const WEBSOCKET = bytesOf("websocket");
const HTTP_1 = bytesOf("HTTP/1.");

const SAW_UPGRADE = 1;
const SAW_CONNECTION = 2;
const SAW_ACCEPT = 4;
const SAW_PROTOCOL = 8;

/** Switching Protocols. */
const SWITCHING = 101;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Whether the `length` bytes from `from` on are `word`, letters in any case. */
function isWord(bytes: Uint8Array, from: number, length: number, word: Uint8Array): boolean {
  if (length !== word.length) return false;
  for (let i = 0; i < length; i++) {
    const byte = bytes[from + i];
    const isUpper = byte >= 0x41 && byte <= 0x5a;
    if ((isUpper ? byte + 32 : byte) !== word[i]) return false;
  }
  return true;
}

/** Whether a comma-separated list has `word` among its members (RFC 9110, 5.6.1). */
function hasWord(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  let at = from;
  while (at < to) {
    while (at < to && (bytes[at] === SPACE || bytes[at] === TAB || bytes[at] === COMMA)) at++;
    const start = at;
    let end = at;
    while (at < to && bytes[at] !== COMMA) {
      if (bytes[at] !== SPACE && bytes[at] !== TAB) end = at + 1;
      at++;
    }
    if (isWord(bytes, start, end - start, word)) return true;
  }
  return false;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/**
 * Reads the server's opening handshake (RFC 6455, 4.1) from windows of any size, in 128 bytes: lines are judged one
 * by one, and what is longer in them than anything that we need is skipped.
 */
export class HandshakeReader {
  /** Where {@link read} stopped. */
  at: number;
  /** Why REFUSED; else OK. */
  status: Status;
  /** The status code of the latest response; 0 before it is known. */
  code: number;
  private readonly subprotocol: Uint8Array;
  private readonly accept: Uint8Array;
  private readonly line: Uint8Array;
  private lineLength: number;
  private isFirstLine: boolean;
  private readBytes: number;
  private last: number;
  private seen: number;

  /**
   * @param subprotocol what we asked for, and the only thing that may be granted; empty: nothing
   * @param accept the {@link ACCEPT_CHARACTERS} that must answer our key; the caller sets them per connection
   */
  constructor(subprotocol: Uint8Array, accept: Uint8Array) {
    this.subprotocol = subprotocol;
    this.accept = accept;
    this.line = new Uint8Array(LINE_BYTES_MAX);
    this.at = 0;
    this.status = Status.OK;
    this.code = 0;
    this.lineLength = 0;
    this.isFirstLine = true;
    this.readBytes = 0;
    this.last = 0;
    this.seen = 0;
  }

  /** A new connection. */
  reset(): void {
    this.status = Status.OK;
    this.code = 0;
    this.lineLength = 0;
    this.isFirstLine = true;
    this.readBytes = 0;
    this.last = 0;
    this.seen = 0;
  }

  /** Consumes `bytes[from..to)`, to the end of the response's head at the most. */
  read(bytes: Uint8Array, from: number, to: number): HandshakeEvent {
    let event = this.status === Status.OK ? HandshakeEvent.MORE : HandshakeEvent.REFUSED;
    let i = from;
    while (i < to && event === HandshakeEvent.MORE) {
      event = this.readByte(bytes[i]);
      if (event !== HandshakeEvent.REFUSED) i++;
    }
    this.at = i;
    return event;
  }

  private readByte(byte: number): HandshakeEvent {
    const last = this.last;
    this.last = byte;
    this.readBytes++;
    if (this.readBytes > RESPONSE_BYTES_MAX) return this.refuse(Status.WS_RESPONSE);
    if (byte === LINE_FEED && last === CARRIAGE_RETURN) return this.endLine();
    // A line ends with both; neither may stand alone (RFC 9112, 2.2).
    if (last === CARRIAGE_RETURN || (byte < SPACE && byte !== CARRIAGE_RETURN && byte !== TAB)) {
      return this.refuse(Status.WS_RESPONSE);
    }
    if (byte === CARRIAGE_RETURN) return HandshakeEvent.MORE;
    if (this.lineLength < LINE_BYTES_MAX) this.line[this.lineLength] = byte;
    this.lineLength++;
    // What speaks another protocol may never send a line's end.
    const isForeign =
      this.isFirstLine && this.lineLength <= HTTP_1.length && byte !== HTTP_1[this.lineLength - 1];
    return isForeign ? this.refuse(Status.WS_RESPONSE) : HandshakeEvent.MORE;
  }

  private endLine(): HandshakeEvent {
    const length = this.lineLength;
    let status = Status.OK;
    this.lineLength = 0;
    if (this.isFirstLine) status = this.judgeStatusLine(length);
    else if (length > 0) status = this.judgeHeader(length);
    else return this.endHead();
    this.isFirstLine = false;
    return status === Status.OK ? HandshakeEvent.MORE : this.refuse(status);
  }

  /** `HTTP/1.1 101 Switching Protocols` (RFC 9112, 4). */
  private judgeStatusLine(length: number): Status {
    const line = this.line;
    const isStatusLine =
      length >= 12 &&
      isDigit(line[7]) &&
      line[8] === SPACE &&
      isDigit(line[9]) &&
      isDigit(line[10]) &&
      isDigit(line[11]) &&
      (length === 12 || line[12] === SPACE);
    if (!isStatusLine) return Status.WS_RESPONSE;
    const code = (line[9] - 0x30) * 100 + (line[10] - 0x30) * 10 + line[11] - 0x30;
    this.code = code;
    if (code === SWITCHING) return line[7] === 0x30 ? Status.WS_RESPONSE : Status.OK;
    // Others of this kind may come before the answer (RFC 9110, 15.2).
    if (code >= 100 && code < 200) return Status.OK;
    if (code >= 300 && code < 400) return Status.WS_REDIRECTED;
    if (code >= 500) return Status.SERVER_UNAVAILABLE;
    switch (code) {
      case 401:
        return Status.BAD_CREDENTIALS;
      case 403:
        return Status.NOT_AUTHORIZED;
      case 404:
        return Status.WS_NOT_FOUND;
      case 429:
        return Status.SERVER_UNAVAILABLE;
      default:
        return Status.WS_REFUSED;
    }
  }

  private judgeHeader(length: number): Status {
    const line = this.line;
    const kept = Math.min(length, LINE_BYTES_MAX);
    let nameTo = 0;
    while (nameTo < kept && line[nameTo] !== COLON && line[nameTo] !== SPACE && line[nameTo] !== TAB)
      nameTo++;
    // No name, space before the colon, or a folded line (RFC 9112, 5).
    if (nameTo === 0 || nameTo === kept || line[nameTo] !== COLON) return Status.WS_RESPONSE;
    if (this.code !== SWITCHING) return Status.OK;
    let from = nameTo + 1;
    let to = kept;
    while (from < to && (line[from] === SPACE || line[from] === TAB)) from++;
    while (to > from && (line[to - 1] === SPACE || line[to - 1] === TAB)) to--;
    const status = this.judgeField(nameTo, from, to);
    const isKnown = status >= 0;
    // A header that matters and does not fit could not be judged.
    if (isKnown && length > LINE_BYTES_MAX) return Status.WS_RESPONSE;
    return isKnown ? status : Status.OK;
  }

  /** The field whose name ends at `nameTo` and whose value is `line[from..to)`; −1: it does not matter. */
  private judgeField(nameTo: number, from: number, to: number): number {
    const line = this.line;
    const length = to - from;
    if (isWord(line, 0, nameTo, UPGRADE)) {
      if (!isWord(line, from, length, WEBSOCKET)) return Status.WS_ACCEPT;
      return this.saw(SAW_UPGRADE, Status.WS_ACCEPT);
    }
    if (isWord(line, 0, nameTo, CONNECTION)) {
      if (hasWord(line, from, to, UPGRADE)) this.seen |= SAW_CONNECTION;
      return Status.OK;
    }
    if (isWord(line, 0, nameTo, SEC_ACCEPT)) {
      const isRight = length === ACCEPT_CHARACTERS && sameBytes(line, from, this.accept, 0, length);
      return isRight ? this.saw(SAW_ACCEPT, Status.WS_ACCEPT) : Status.WS_ACCEPT;
    }
    if (isWord(line, 0, nameTo, SEC_PROTOCOL)) {
      const wanted = this.subprotocol;
      const isAsked = length === wanted.length && sameBytes(line, from, wanted, 0, length);
      return isAsked ? this.saw(SAW_PROTOCOL, Status.WS_NEGOTIATION) : Status.WS_NEGOTIATION;
    }
    if (isWord(line, 0, nameTo, SEC_EXTENSIONS)) return length > 0 ? Status.WS_NEGOTIATION : Status.OK;
    return -1;
  }

  /** Notes a header that may come once. */
  private saw(flag: number, again: Status): Status {
    if ((this.seen & flag) !== 0) return again;
    this.seen |= flag;
    return Status.OK;
  }

  private endHead(): HandshakeEvent {
    if (this.code !== SWITCHING) {
      this.isFirstLine = true;
      return HandshakeEvent.MORE;
    }
    const upgraded = SAW_UPGRADE | SAW_CONNECTION | SAW_ACCEPT;
    if ((this.seen & upgraded) !== upgraded) return this.refuse(Status.WS_ACCEPT);
    if (this.subprotocol.length > 0 && (this.seen & SAW_PROTOCOL) === 0)
      return this.refuse(Status.WS_NEGOTIATION);
    return HandshakeEvent.OPENED;
  }

  private refuse(status: Status): HandshakeEvent {
    this.status = status;
    return HandshakeEvent.REFUSED;
  }
}
