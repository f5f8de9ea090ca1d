/** WebSocket's part of the suite: it runs inside the engines. */

import { writeBase64 } from "../../firmware/crypto/base64.js";
import { SHA1_BYTES, Sha1 } from "../../firmware/crypto/sha1.js";
import { createAuth, type LinkEvents, type Ports, type Waker } from "../../firmware/index.js";
import { rpcOverWebSocket } from "../../firmware/websocket.js";
import { bytesOf, copyBytes } from "../../firmware/wire/bytes.js";
import { HandshakeReader } from "../../firmware/wire/websocket/handshake.js";
import { WebSocketEvent, WebSocketReader } from "../../firmware/wire/websocket/reader.js";
import { Opcode, writeFrame } from "../../firmware/wire/websocket/websocket.js";
import { hex } from "./suite-store.js";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const MASK = new Uint8Array([0x37, 0xfa, 0x21, 0x3d]);
const room = new Uint8Array(1024);
const sha1 = new Sha1();

/** `Sec-WebSocket-Accept` for a key. */
function acceptFor(key: string): string {
  const text = bytesOf(key + GUID);
  sha1.digest(room, 0, text, 0, text.length);
  const end = writeBase64(room, 100, room, 0, SHA1_BYTES);
  let accept = "";
  for (let i = 100; i < end; i++) accept += String.fromCharCode(room[i]);
  return accept;
}

/** The sample of RFC 6455, 1.3. */
export const sampleAccept = (): string => acceptFor("dGhlIHNhbXBsZSBub25jZQ==");

/** SHA-1 of 0 to 130 bytes, one into the next. */
export function sha1AtEveryLength(): string {
  for (let i = 0; i < 200; i++) room[i] = (i * 7) & 255;
  for (let length = 0; length <= 130; length++) sha1.digest(room, length & 15, room, 0, length);
  return hex(room, 0, 40);
}

/** Frames with each kind of length field, by their first and last bytes. */
export function webSocketFrames(): string {
  const lengths = [0, 1, 125, 126, 300];
  let text = "";
  room.fill(0);
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i];
    for (let at = 0; at < length; at++) room[5 + at] = at & 255;
    const end = writeFrame(room, 5, 5 + length, Opcode.BINARY, MASK);
    text += `${end} ${hex(room, 5, 20)} ${hex(room, end - 4, end)}\n`;
  }
  return text;
}

/** Text in two fragments with a Ping between, a binary message, a Close; then what may not follow a text. */
const FRAMES = new Uint8Array([
  0x01, 3, 0x68, 0x69, 0xc3, 0x89, 2, 0x70, 0x71, 0x80, 2, 0xa9, 0x21, 0x82, 1, 0xff, 0x01, 1, 0x61, 0x80, 1,
  0xc3, 0x88, 2, 0x03, 0xe8,
]);

/** What is read in windows of `size` bytes. */
export function webSocketEvents(size: number): string {
  const reader = new WebSocketReader();
  let events = "";
  let at = 0;
  for (;;) {
    const event = reader.read(FRAMES, at, Math.min(at + size, FRAMES.length));
    at = reader.at;
    if (event === WebSocketEvent.MORE) {
      if (at === FRAMES.length) break;
    } else if (event === WebSocketEvent.PAYLOAD) events += hex(FRAMES, reader.payloadFrom, reader.payloadTo);
    else {
      events += ` ${event} `;
      if (event === WebSocketEvent.PING) events += hex(reader.ping, 0, reader.pingLength);
      if (event === WebSocketEvent.REFUSED || event === WebSocketEvent.CLOSE) break;
    }
  }
  return `${events} at ${at} status ${reader.status} code ${reader.closeCode}`;
}

/** What is made of answers to a handshake, byte by byte. */
export function handshakeVerdicts(): string {
  const accept = sampleAccept();
  const head = "\r\nUpgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\nSec-WebSocket-Accept: ";
  const answers = [
    `HTTP/1.1 101 Yes${head}${accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
    `HTTP/1.1 101 Yes${head}${accept}\r\n\r\n`,
    `HTTP/1.1 101 Yes${head}AAAA\r\n`,
    "HTTP/1.1 302 Found\r\n",
    "HTTP/1.1 503 Later\r\n",
    "\u0015\u0003",
  ];
  const reader = new HandshakeReader(bytesOf("mqtt"), bytesOf(accept));
  let text = "";
  for (let i = 0; i < answers.length; i++) {
    const bytes = bytesOf(answers[i]);
    let event = 0;
    let at = 0;
    reader.reset();
    while (event === 0 && at < bytes.length) {
      event = reader.read(bytes, at, at + 1);
      at++;
    }
    text += `${event} ${reader.status} ${reader.code} at ${at}\n`;
  }
  return text;
}

/** All that a device says over RPC in a WebSocket: handshake, requests, a Pong, the farewell. */
export function webSocketFlight(): string {
  const driver: { events?: LinkEvents; waker?: Waker } = {};
  let sent = "";
  let request = "";
  const ports: Ports = {
    link: {
      open: (_address, events) => {
        driver.events = events;
      },
      write: (bytes, from, to) => {
        sent += `${hex(bytes, from, to)} `;
        if (request === "") for (let i = from; i < to; i++) request += String.fromCharCode(bytes[i]);
        return to - from;
      },
      close: () => {},
    },
    clock: {
      now: () => 0,
      wakeAfter: (_delayMs, waker) => {
        driver.waker = waker;
      },
      cancel: () => {},
    },
    entropy: {
      fill: (bytes, from, to) => {
        for (let i = from; i < to; i++) bytes[i] = i + 1;
      },
    },
  };
  const credential = { psk: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", counter: 65 };
  const cloud = { host: "broker.example.com", port: 80 };
  const transport = rpcOverWebSocket("/rpc");
  const auth = createAuth({ deviceId: "device_123", cloud, credential, transport }, ports);
  auth.host("app.example.com").getToken(() => {});
  if (driver.waker !== undefined) driver.waker.turn();
  const events = driver.events;
  if (events !== undefined) {
    events.opened();
    const key = request.substr(request.indexOf("Key: ") + 5, 24);
    const head = "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
    const answer = bytesOf(`${head}${acceptFor(key)}\r\nSec-WebSocket-Protocol: clubby.cesanta.com\r\n\r\n`);
    events.received(answer, 0, answer.length);
    const length = copyBytes(room, 0, FRAMES, 5, 9);
    events.received(room, 0, length);
  }
  auth.close();
  return sent;
}
