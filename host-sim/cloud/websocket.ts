import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { createWebSocketStream, type WebSocket, WebSocketServer } from "ws";
import type { Broker } from "./broker.js";
import { MESSAGE_BYTES_MAX, type Receiver, type Sender } from "./channel.js";
import { type Door, type Refusal, statusOf, unproven } from "./door.js";
import type { Encoding } from "./encoding.js";
import type { Events } from "./events.js";
import { parseFrame } from "./frame.js";
import type { Interference } from "./interference.js";
import { addressOf } from "./listen.js";
import { openEnvelope } from "./mac-session.js";
import { PACKET_BYTES_MAX } from "./packet-gate.js";
import type { Peers } from "./peers.js";
import { RPC_PATH } from "./rpc.js";
import type { CloudTls } from "./tls.js";
import type { ConnectProof } from "./types.js";

const RPC_PROTOCOL = "clubby.cesanta.com";
const MQTT_PROTOCOL = "mqtt";
const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;
/** Why a server ends a connection that did nothing wrong (RFC 6455, 7.4.1). */
const GOING_AWAY = 1001;
/** Nobody asks for anything here. */
const POLICY_VIOLATION = 1008;

/** What the WebSocket side works with. */
export interface WebSocketParts {
  door: Door;
  peers: Peers;
  events: Events;
  interference: Interference;
  receiver: Receiver;
  tls: CloudTls | null;
  /** Where MQTT inside WebSockets goes; null: there is none here. */
  broker: Broker | null;
  /** Whoever proves nothing while connecting and sends no frame by then is disconnected. */
  connectLimitMs: number;
}

interface Login {
  id: string;
  proof: ConnectProof;
}

/** One WebSocket that carries frames. */
class Connection implements Sender {
  /** @param login null: each frame says, and proves, whose it is */
  constructor(
    readonly socket: WebSocket,
    readonly login: Login | null,
    private receiver: Receiver,
  ) {
    socket.on("message", (data, isBinary) => this.take(data as Buffer, isBinary ? "cbor" : "json"));
    socket.on("error", () => {}); // "close" follows
  }

  send(_id: string, message: Uint8Array, encoding: Encoding): void {
    this.socket.send(message, { binary: encoding === "cbor" });
  }

  private take(message: Buffer, encoding: Encoding): void {
    const { login } = this;
    const id = login === null ? sourceOf(message, encoding) : login.id;
    void this.receiver.receive(this, id, login?.proof ?? "none", message, encoding);
  }
}

/** WebSockets on the HTTP port: frames at /rpc, and MQTT at any path. */
export class WebSockets {
  private readonly connections = new Set<Connection>();
  private readonly rpc = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: () => RPC_PROTOCOL,
  });
  private readonly mqtt = new WebSocketServer({
    noServer: true,
    maxPayload: PACKET_BYTES_MAX,
    handleProtocols: () => MQTT_PROTOCOL,
  });

  constructor(
    server: Server,
    private parts: WebSocketParts,
  ) {
    server.on("upgrade", (request, socket, head) => this.upgrade(request, socket, head));
  }

  /** Closes a device's connections; false when it has none that it proved. */
  kick(id: string): boolean {
    const connections = [...this.connections].filter(({ login }) => login?.id === id);
    for (const { socket } of connections) {
      this.parts.events.emit({ event: "kicked", id });
      socket.close(GOING_AWAY);
    }
    return connections.length > 0;
  }

  kickAll(): void {
    for (const { socket } of this.connections) socket.close(GOING_AWAY);
  }

  /** Ends all connections at once. */
  close(): void {
    for (const server of [this.rpc, this.mqtt]) for (const socket of server.clients) socket.terminate();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = (request.url ?? "").split("?", 1)[0];
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((word) => word.trim());
    const { broker } = this.parts;
    if (offered.includes(MQTT_PROTOCOL) && broker !== null) {
      this.mqtt.handleUpgrade(request, socket, head, (webSocket) => {
        broker.accept(createWebSocketStream(webSocket), request);
      });
    } else if (path !== RPC_PATH) refuse(socket, 404);
    else if (offered.includes(RPC_PROTOCOL)) this.open(request, socket, head);
    else refuse(socket, 400);
  }

  private open(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { door, events } = this.parts;
    const link = this.parts.tls?.identityOf(request.socket) ?? null;
    const named = basicOf(request.headers.authorization);
    const id = named?.id ?? link?.id;
    const enter = (login: Login | null): void =>
      this.rpc.handleUpgrade(request, socket, head, (webSocket) => this.welcome(webSocket, login));
    const turnAway = (refusal: Refusal): void => {
      const returnCode = statusOf(refusal);
      events.emit({ event: "connect-refused", id: id ?? "", returnCode, reason: refusal.reason });
      refuse(socket, returnCode, refusal.retryAfterSeconds);
    };
    if (id === undefined) {
      if (door.admitsAnonymous) enter(null);
      else turnAway(unproven("password-missing"));
      return;
    }
    // It may take a while until we know.
    socket.on("error", ignore);
    const address = addressOf(request.socket);
    const visitor = { id, userName: id, password: named?.password, link, isHeld: false, address };
    door.admit(visitor, (judgement) => {
      socket.off("error", ignore);
      if ("proof" in judgement) enter({ id, proof: judgement.proof });
      else turnAway(judgement);
    });
  }

  private welcome(webSocket: WebSocket, login: Login | null): void {
    const { events, interference, peers, receiver } = this.parts;
    const connection = new Connection(webSocket, login, receiver);
    this.connections.add(connection);
    webSocket.once("close", () => this.connections.delete(connection));
    if (login === null) {
      const { connectLimitMs } = this.parts;
      const timer = setTimeout(() => webSocket.close(POLICY_VIOLATION, "no frame came"), connectLimitMs);
      for (const event of ["message", "close"]) webSocket.once(event, () => clearTimeout(timer));
    } else {
      peers.endMacSession(login.id);
      events.emit({ event: "connected", ...login });
      if (login.proof === "recover")
        setTimeout(() => webSocket.close(GOING_AWAY), this.parts.connectLimitMs).unref();
      webSocket.once("close", () => events.emit({ event: "disconnected", id: login.id }));
    }
    if (interference.kicks()) webSocket.close(GOING_AWAY);
  }
}

function ignore(): void {}

/** Whom a frame says that it is from; "" where it says nothing. */
function sourceOf(message: Buffer, encoding: Encoding): string {
  const frame = parseFrame(openEnvelope(message).frame, encoding);
  return typeof frame?.src === "string" ? frame.src : "";
}

/** Id and password of HTTP Basic (RFC 7617), or null where there are none. */
function basicOf(header: string | undefined): { id: string; password: Buffer } | null {
  const text = BASIC.exec(header ?? "")?.[1];
  const bytes = text === undefined ? null : Buffer.from(text, "base64");
  const colonAt = bytes?.indexOf(":") ?? -1;
  if (bytes === null || colonAt < 0) return null;
  return { id: bytes.toString("utf8", 0, colonAt), password: bytes.subarray(colonAt + 1) };
}

/** Answers a handshake with an HTTP status instead. */
function refuse(socket: Duplex, code: number, retryAfterSeconds?: number): void {
  const challenge = code === 401 ? 'WWW-Authenticate: Basic realm="motekey"\r\n' : "";
  const later = retryAfterSeconds === undefined ? "" : `Retry-After: ${retryAfterSeconds}\r\n`;
  socket.on("error", () => {});
  socket.end(
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}\r\n${challenge}${later}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}
