import type { Addresses } from "../addresses.js";
import type { Config } from "../config.js";
import { base64Length, writeBase64 } from "../crypto/base64.js";
import type { Scratch } from "../crypto/scratch.js";
import { SHA1_BYTES, Sha1 } from "../crypto/sha1.js";
import type { Address, Entropy } from "../ports.js";
import type { Login } from "../proof/proof.js";
import { Status } from "../status.js";
import { bytesOf, copyBytes } from "../wire/bytes.js";
import {
  ACCEPT_CHARACTERS,
  ACCEPT_GUID,
  HandshakeEvent,
  type HandshakeFields,
  HandshakeReader,
  KEY_CHARACTERS,
  writeHandshake,
} from "../wire/websocket/handshake.js";
import { WebSocketEvent, WebSocketReader } from "../wire/websocket/reader.js";
import { CloseCode, frameHeaderLength, MASK_BYTES, Opcode, writeFrame } from "../wire/websocket/websocket.js";
import { Writer } from "../wire/writer.js";
import type { ChannelParts } from "./channel.js";
import type { Outbox } from "./outbox.js";
import { keepText, makeRoom, type PeerWords } from "./peer-words.js";

/** What {@link WebSocketEndpoint.read} came to. */
export enum EndpointEvent {
  /** All bytes were consumed. */
  MORE,
  /** The server refused us, broke the protocol, or closed; `status` says how. */
  BROKEN,
  /** The opening handshake is done: messages may be sent. */
  OPENED,
  /** A message begins. */
  TEXT,
  BINARY,
  /** A piece of it lies in the window: `bytes[payloadFrom..payloadTo)`. */
  PAYLOAD,
  /** The message is complete. */
  MESSAGE,
  PONG,
}

const NONCE_BYTES = 16;
const COLON = 0x3a;
/** How much of a Close's text is kept, bytes. */
const REASON_BYTES_MAX = 64;
/** The code of a Close frame. */
const CODE_BYTES = 2;

/** @construction */
const hostHeader = (address: Address): Uint8Array => {
  const host = address.host;
  const port = address.port;
  const name = host.indexOf(":") >= 0 ? `[${host}]` : host;
  return bytesOf(port === 80 || port === 443 ? name : `${name}:${port}`);
};

/** @construction */
const hostHeaders = (addresses: readonly Address[]): Uint8Array[] => {
  const headers: Uint8Array[] = [];
  for (let i = 0; i < addresses.length; i++) headers.push(hostHeader(addresses[i]));
  return headers;
};

/** Room for `user:password` in base64; null: there is none. @construction */
const credentialsFor = (login: Login | null): Uint8Array | null => {
  if (login === null || login.userName === null || login.password === null) return null;
  return new Uint8Array(base64Length(login.userName.length + 1 + login.password.length));
};

/** The status that a Close frame's code amounts to. */
const statusOfClose = (code: CloseCode): Status => {
  switch (code) {
    case CloseCode.PROTOCOL_ERROR:
    case CloseCode.UNSUPPORTED_DATA:
    case CloseCode.INVALID_PAYLOAD:
    case CloseCode.MESSAGE_TOO_BIG:
      return Status.WS_REFUSED;
    case CloseCode.POLICY_VIOLATION:
      return Status.NOT_AUTHORIZED;
    case CloseCode.TRY_AGAIN_LATER:
      return Status.SERVER_UNAVAILABLE;
    default:
      return Status.CONNECTION_LOST;
  }
};

/** The client's end of a WebSocket (RFC 6455): the handshake, messages in one frame each, Ping, Pong and Close. */
export class WebSocketEndpoint {
  /** Where {@link read} stopped. */
  at: number;
  /** Why BROKEN; else OK. */
  status: Status;
  /** Keeps the server's text about it: the response's status code, or its Close. */
  readonly words: PeerWords;
  /** The handshake is done. */
  isOpen: boolean;
  /** Room that a Pong must leave for the answer to the message inside. */
  replyBytes: number;
  /** The piece of PAYLOAD: indexes into the window. */
  payloadFrom: number;
  payloadTo: number;

  private readonly entropy: Entropy;
  private readonly scratch: Scratch;
  private readonly outbox: Outbox;
  private readonly login: Login | null;
  private readonly fields: HandshakeFields;
  private readonly addresses: Addresses;
  /** The `Host` header for each address. */
  private readonly hosts: readonly Uint8Array[];
  /** The key, and behind it the GUID that is hashed with it. */
  private readonly challenge: Uint8Array;
  private readonly accept: Uint8Array;
  private readonly mask: Uint8Array;
  private readonly sha1: Sha1;
  private readonly writer: Writer;
  private readonly handshake: HandshakeReader;
  private readonly reader: WebSocketReader;
  /** What {@link fail} says. */
  private closeCode: CloseCode;

  /**
   * @param path of the request, from its slash on
   * @param login what stands in `Authorization`; null: the messages inside prove who we are
   * @throws Error when the handshake does not fit limits.sendBytes
   */
  constructor(parts: ChannelParts, path: string, subprotocol: string, login: Login | null) {
    const config = parts.config;
    this.entropy = parts.entropy;
    this.scratch = parts.scratch;
    this.outbox = parts.outbox;
    this.outbox.reserve = frameHeaderLength(this.outbox.bytes.length);
    this.login = login;
    this.challenge = new Uint8Array(KEY_CHARACTERS + ACCEPT_GUID.length);
    this.challenge.set(ACCEPT_GUID, KEY_CHARACTERS);
    this.accept = new Uint8Array(ACCEPT_CHARACTERS);
    this.mask = new Uint8Array(MASK_BYTES);
    this.addresses = config.addresses;
    this.hosts = hostHeaders(this.addresses.list);
    this.fields = {
      path: bytesOf(path),
      host: this.hosts[0],
      subprotocol: bytesOf(subprotocol),
      credentials: credentialsFor(login),
      credentialsLength: 0,
      key: this.challenge,
    };
    this.sha1 = new Sha1();
    this.writer = new Writer();
    this.handshake = new HandshakeReader(this.fields.subprotocol, this.accept);
    this.reader = new WebSocketReader();
    this.at = 0;
    this.status = Status.OK;
    this.words = parts.words;
    makeRoom(this.words, REASON_BYTES_MAX);
    this.isOpen = false;
    this.replyBytes = 0;
    this.payloadFrom = 0;
    this.payloadTo = 0;
    this.closeCode = CloseCode.NORMAL;
    this.checkRoom(config);
  }

  /** A new connection: composes the opening handshake. The outbox is empty. */
  open(): void {
    const nonce = this.scratch.key.digest;
    this.status = Status.OK;
    this.isOpen = false;
    this.handshake.reset();
    this.reader.reset();
    this.entropy.fill(nonce, 0, NONCE_BYTES);
    writeBase64(this.challenge, 0, nonce, 0, NONCE_BYTES);
    this.sha1.digest(nonce, 0, this.challenge, 0, this.challenge.length);
    writeBase64(this.accept, 0, nonce, 0, SHA1_BYTES);
    this.writeCredentials();
    this.writer.write(this.outbox.bytes, this.outbox.to);
    this.fields.host = this.hosts[this.addresses.index];
    writeHandshake(this.writer, this.fields);
    this.outbox.to = this.writer.at;
    this.forgetCredentials();
  }

  /** Consumes bytes up to the next event; `at` is how far it came. */
  read(bytes: Uint8Array, from: number, to: number): EndpointEvent {
    const reader = this.reader;
    if (!this.isOpen) return this.readHandshake(bytes, from, to);
    this.at = from;
    for (;;) {
      const event = reader.read(bytes, this.at, to);
      this.at = reader.at;
      switch (event) {
        case WebSocketEvent.MORE:
          return EndpointEvent.MORE;
        case WebSocketEvent.PING:
          this.tend();
          break;
        case WebSocketEvent.PONG:
          return EndpointEvent.PONG;
        case WebSocketEvent.TEXT:
          return EndpointEvent.TEXT;
        case WebSocketEvent.BINARY:
          return EndpointEvent.BINARY;
        case WebSocketEvent.PAYLOAD:
          this.payloadFrom = reader.payloadFrom;
          this.payloadTo = reader.payloadTo;
          return EndpointEvent.PAYLOAD;
        case WebSocketEvent.MESSAGE:
          return EndpointEvent.MESSAGE;
        case WebSocketEvent.CLOSE:
          this.words.keep(reader.closeCode);
          keepText(this.words, reader.ping, reader.reasonLength);
          return this.broken(statusOfClose(reader.closeCode), reader.closeCode);
        default:
          this.words.keep(0);
          return this.broken(
            reader.status,
            reader.status === Status.WS_PAYLOAD ? CloseCode.INVALID_PAYLOAD : CloseCode.PROTOCOL_ERROR,
          );
      }
    }
  }

  /** The outbox from `from` on becomes one message; the reserve holds its header. */
  send(opcode: Opcode, from: number): void {
    const outbox = this.outbox;
    this.entropy.fill(this.mask, 0, MASK_BYTES);
    outbox.to = writeFrame(outbox.bytes, from, outbox.to, opcode, this.mask);
  }

  /** Asks for a Pong. false: there was no room. */
  ping(): boolean {
    const hasRoom = this.isOpen && this.outbox.takes(0);
    if (hasRoom) this.send(Opcode.PING, this.outbox.to);
    return hasRoom;
  }

  /** Answers the latest Ping, which is enough (5.5.3), as soon as there is room. */
  tend(): void {
    const reader = this.reader;
    const outbox = this.outbox;
    const length = reader.pingLength;
    if (!reader.hasPing || !outbox.takes(frameHeaderLength(length) + length + this.replyBytes)) return;
    const from = outbox.to;
    outbox.to = copyBytes(outbox.bytes, from, reader.ping, 0, length);
    this.send(Opcode.PONG, from);
    reader.hasPing = false;
  }

  /** Says goodbye, if we had met. */
  leave(): void {
    this.close(CloseCode.NORMAL);
  }

  /** After BROKEN: answers the server's Close, or says why we fail the connection (7.1.5, 7.1.7). */
  fail(): void {
    this.close(this.closeCode);
  }

  /** Wipes the credentials and all random bytes. The endpoint is of no use afterwards. */
  wipe(): void {
    this.forgetCredentials();
    this.challenge.fill(0);
    this.accept.fill(0);
    this.mask.fill(0);
    this.sha1.wipe();
    this.reader.wipe();
  }

  private close(code: CloseCode): void {
    const outbox = this.outbox;
    const from = outbox.to;
    if (!this.isOpen || !outbox.takes(CODE_BYTES)) return;
    if (code !== CloseCode.NO_STATUS) {
      outbox.bytes[from] = code >> 8;
      outbox.bytes[from + 1] = code & 255;
      outbox.to = from + CODE_BYTES;
    }
    this.send(Opcode.CLOSE, from);
    this.isOpen = false;
  }

  private readHandshake(bytes: Uint8Array, from: number, to: number): EndpointEvent {
    const event = this.handshake.read(bytes, from, to);
    this.at = this.handshake.at;
    if (event === HandshakeEvent.MORE) return EndpointEvent.MORE;
    if (event === HandshakeEvent.REFUSED) {
      this.words.keep(this.handshake.code);
      return this.broken(this.handshake.status, CloseCode.PROTOCOL_ERROR);
    }
    this.isOpen = true;
    return EndpointEvent.OPENED;
  }

  /** The protocol or the subprotocol forbids what came. */
  broken(status: Status, code: CloseCode): EndpointEvent {
    this.status = status;
    this.closeCode = code;
    return EndpointEvent.BROKEN;
  }

  /**
   * `user:password` stands at the end of the array and becomes base64 from its beginning on, which never overtakes it.
   * @allocates where the device was given a longer key
   */
  private writeCredentials(): void {
    const login = this.login;
    if (login === null || login.userName === null || login.password === null) return;
    login.renew();
    const length = login.userName.length + 1 + login.passwordLength;
    let credentials = this.fields.credentials;
    if (credentials === null || credentials.length < base64Length(length)) {
      credentials = new Uint8Array(base64Length(length));
      this.fields.credentials = credentials;
    }
    const from = credentials.length - length;
    let at = copyBytes(credentials, from, login.userName, 0, login.userName.length);
    credentials[at++] = COLON;
    at = copyBytes(credentials, at, login.password, 0, login.passwordLength);
    this.fields.credentialsLength = writeBase64(credentials, 0, credentials, from, at);
  }

  /** Each connection gets new ones. */
  private forgetCredentials(): void {
    if (this.fields.credentials !== null) this.fields.credentials.fill(0);
  }

  /** @construction */
  private checkRoom(config: Config): void {
    const credentials = this.fields.credentials;
    if (credentials !== null) this.fields.credentialsLength = credentials.length;
    for (let i = 0; i < this.hosts.length; i++) {
      this.fields.host = this.hosts[i];
      this.writer.count();
      writeHandshake(this.writer, this.fields);
      if (this.writer.at > config.limits.sendBytes) {
        throw new Error(
          `motekey: limits.sendBytes must be at least ${this.writer.at} for the WebSocket's handshake`,
        );
      }
    }
  }
}
