/**
 * The firmware over WebSocket on a loopback, to be measured like the rig beside it. It runs inside XS, keeps to the
 * engines' shared language, and makes no garbage.
 */

import { writeBase64 } from "../../firmware/crypto/base64.js";
import { Sha1 } from "../../firmware/crypto/sha1.js";
import {
  type Address,
  type AuthClient,
  createAuth,
  type Host,
  type Link,
  type LinkEvents,
  mqtt,
  type Proof,
  State,
  Status,
  type Token,
} from "../../firmware/index.js";
import { mqttOverWebSocket, rpcOverWebSocket } from "../../firmware/websocket.js";
import { bytesOf, copyBytes } from "../../firmware/wire/bytes.js";
import { DEVICE, FarEnd, HOST, PSK, TOKEN_BYTES } from "./rig.js";
import { entropy, HandClock } from "./rig-ports.js";

const KEY_CHARACTERS = 24;
const GUID = bytesOf("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
const ACCEPT = bytesOf(
  "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
);
const PROTOCOL = bytesOf("\r\nSec-WebSocket-Protocol: ");
const END = bytesOf("\r\n\r\n");
/** An RPC frame as MQTT's payload, and what stands around the answer: PUBACK, then PUBLISH up to its payload. */
const PUBLISH = bytesOf("\u0032\u0000\u0000\u0000\u0001t\u0000\u0001");
const ANSWER_AT = 4 + 3 + 2 + DEVICE.length + 4 + 2;

/** Takes WebSocket frames to the far end of MQTT, and its answers back. */
class WebSocketFarEnd implements Link, LinkEvents {
  private readonly mqtt: FarEnd;
  private readonly isRpc: boolean;
  private readonly payload: Uint8Array;
  private readonly window: Uint8Array;
  private events: LinkEvents | null;
  /** Bytes of the window that wait to be delivered. */
  private windowTo: number;
  private isUpgraded: boolean;

  constructor(mqtt: FarEnd, isRpc: boolean) {
    this.mqtt = mqtt;
    this.isRpc = isRpc;
    this.payload = new Uint8Array(1024);
    this.window = new Uint8Array(4096);
    this.events = null;
    this.windowTo = 0;
    this.isUpgraded = false;
  }

  open(address: Address, events: LinkEvents): void {
    this.events = events;
    this.mqtt.open(address, this);
  }

  close(): void {
    this.mqtt.close();
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    if (!this.isUpgraded) this.upgrade(bytes, to);
    else while (at < to) at = this.takeFrame(bytes, at);
    return to - from;
  }

  /** Hands over all that waits, until there is nothing. */
  deliver(): void {
    const events = this.events;
    if (events === null) return;
    this.mqtt.deliver();
    while (this.windowTo > 0) {
      const to = this.windowTo;
      this.windowTo = 0;
      events.received(this.window, 0, to);
      this.mqtt.deliver();
    }
  }

  opened(): void {
    if (this.events !== null) this.events.opened();
  }

  /** Answers of MQTT's far end: a binary message, or the payloads of its PUBLISH packets as text. */
  received(bytes: Uint8Array, from: number, to: number): void {
    if (!this.isRpc) {
      this.frame(0x82, bytes, from, to);
      return;
    }
    let at = from;
    while (at < to) {
      const length = (bytes[at + 5] & 127) + bytes[at + 6] * 128;
      const end = at + 7 + length;
      this.frame(0x81, bytes, at + ANSWER_AT, end);
      at = end;
    }
  }

  writable(): void {}
  closed(): void {}

  private upgrade(bytes: Uint8Array, to: number): void {
    const hashed = new Uint8Array(KEY_CHARACTERS + GUID.length);
    const window = this.window;
    const digest = new Uint8Array(20);
    copyBytes(hashed, 0, bytes, to - END.length - KEY_CHARACTERS, to - END.length);
    hashed.set(GUID, KEY_CHARACTERS);
    new Sha1().digest(digest, 0, hashed, 0, hashed.length);
    window.set(ACCEPT, 0);
    let at = writeBase64(window, ACCEPT.length, digest, 0, 20);
    window.set(PROTOCOL, at);
    at += PROTOCOL.length;
    const protocol = bytesOf(this.isRpc ? "clubby.cesanta.com" : "mqtt");
    window.set(protocol, at);
    at += protocol.length;
    window.set(END, at);
    this.windowTo = at + END.length;
    this.isUpgraded = true;
  }

  private takeFrame(bytes: Uint8Array, at: number): number {
    const payload = this.payload;
    const isShort = (bytes[at + 1] & 127) < 126;
    const length = isShort ? bytes[at + 1] & 127 : bytes[at + 2] * 256 + bytes[at + 3];
    const maskAt = at + (isShort ? 2 : 4);
    const start = this.isRpc ? PUBLISH.length : 0;
    for (let i = 0; i < length; i++) {
      payload[start + i] = bytes[maskAt + 4 + i] ^ bytes[maskAt + (i & 3)];
    }
    if (bytes[at] === 0x89) this.frame(0x8a, payload, start, start);
    else {
      if (this.isRpc) this.wrap(length);
      this.mqtt.write(payload, 0, start + length);
    }
    return maskAt + 4 + length;
  }

  private wrap(length: number): void {
    const remaining = PUBLISH.length - 3 + length;
    this.payload.set(PUBLISH, 0);
    this.payload[1] = (remaining & 127) | 128;
    this.payload[2] = remaining >> 7;
  }

  private frame(first: number, bytes: Uint8Array, from: number, to: number): void {
    const window = this.window;
    const length = to - from;
    let at = this.windowTo;
    window[at++] = first;
    if (length < 126) window[at++] = length;
    else {
      window[at++] = 126;
      window[at++] = length >> 8;
      window[at++] = length & 255;
    }
    this.windowTo = copyBytes(window, at, bytes, from, to);
  }
}

/** A ready device over WebSocket, and the operations that are measured on it. */
export class WebSocketRig {
  /** Callbacks told so far. */
  told: number;
  readonly auth: AuthClient;
  private readonly app: Host;
  private readonly clock: HandClock;
  private readonly farEnd: WebSocketFarEnd;
  private readonly onToken: (status: Status, token: Token | null) => void;

  /** @param isRpc frames in text messages; else MQTT in binary ones */
  constructor(proof: Proof, isRpc: boolean) {
    this.farEnd = new WebSocketFarEnd(new FarEnd(proof, false), isRpc);
    this.clock = new HandClock();
    this.told = 0;
    this.onToken = (status: Status, token: Token | null): void => {
      if (status !== Status.OK || token === null || token.length !== TOKEN_BYTES) {
        throw new Error(`rig: status ${status} instead of a token`);
      }
      this.told++;
    };
    const transport = isRpc ? rpcOverWebSocket("/rpc") : mqttOverWebSocket(mqtt, "/mqtt");
    this.auth = createAuth(
      {
        deviceId: DEVICE,
        cloud: { host: "loopback" },
        credential: { psk: PSK, counter: 1 },
        proof,
        allowInsecure: true,
        transport,
      },
      { link: this.farEnd, clock: this.clock, entropy },
    );
    this.app = this.auth.host(HOST);
    this.clock.fire();
    this.farEnd.opened();
    this.farEnd.deliver();
    this.roundTrip();
    if (this.auth.state !== State.READY) throw new Error(`rig: the device is in state ${this.auth.state}`);
  }

  /** A new token: one message there, one back. */
  roundTrip(): void {
    this.clock.nowMs++;
    this.app.generateToken(this.onToken);
    this.clock.fire();
    this.farEnd.deliver();
  }

  /** A ping and its answer, after 50 s of silence. */
  ping(): void {
    this.clock.nowMs += 50000;
    this.clock.fire();
    this.farEnd.deliver();
    if (this.auth.state !== State.READY) throw new Error("rig: the ping was not answered");
  }
}
