import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  type Address,
  type AuthClient,
  type AuthOptions,
  createAuth,
  type Link,
  type LinkEvents,
  type State,
  Status,
} from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { readByWs } from "../wire/ws-oracle.js";
import { SeededEntropy, VirtualClock, VirtualTime } from "./time.js";

/** What the firmware's key is answered with (RFC 6455, 4.2.2). */
export function acceptOf(request: string): string {
  const key = /^Sec-WebSocket-Key: (.+)\r$/m.exec(request)?.[1] ?? "";
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** A server's good answer to a handshake. */
export function answerTo(request: string): Buffer {
  const subprotocol = /^Sec-WebSocket-Protocol: (.+)\r$/m.exec(request)?.[1] ?? "";
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptOf(request)}`,
    `Sec-WebSocket-Protocol: ${subprotocol}`,
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

/** One device in virtual time, whose link is this object: what it writes is kept, what it reads a test says. */
export class WebSocketWorld implements Link {
  readonly time = new VirtualTime();
  readonly client: AuthClient;
  readonly states: State[] = [];
  /** What was written, one piece a write; since the last opening. */
  writes: Buffer[] = [];
  /** The most that one write takes; 0: the link is stuck. */
  writeMax = Number.POSITIVE_INFINITY;
  isOpen = false;
  opens = 0;
  private events: LinkEvents | null = null;

  constructor(options: Partial<AuthOptions>) {
    const ports = { link: this, clock: new VirtualClock(this.time), entropy: new SeededEntropy(1) };
    this.client = createAuth(
      {
        deviceId: "device_123",
        cloud: { host: "cloud.example.com", port: 8080 },
        credential: { psk: "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG", counter: 1 },
        proof: "digest",
        allowInsecure: true,
        ...options,
      },
      ports,
    );
    this.client.onState = (state) => this.states.push(state);
  }

  open(_address: Address, events: LinkEvents): void {
    this.events = events;
    this.writes = [];
    this.opens++;
    this.time.after(0, () => {
      this.isOpen = true;
      events.opened();
    });
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const count = Math.min(to - from, this.writeMax);
    if (count > 0) this.writes.push(Buffer.from(bytes.subarray(from, from + count)));
    return count;
  }

  close(): void {
    this.isOpen = false;
    this.events = null;
  }

  /** Lets the link take bytes again, so many at a time, until there are none. */
  drain(writeMax = Number.POSITIVE_INFINITY): void {
    this.writeMax = writeMax;
    for (let count = -1; count < this.writes.length; ) {
      count = this.writes.length;
      this.events?.writable();
    }
  }

  /** Connects: the server's handshake is done. */
  connect(): this {
    this.time.advance(0);
    assert.ok(this.isOpen, "the device opens no link");
    this.receive(answerTo(this.handshake()));
    return this;
  }

  receive(...pieces: Uint8Array[]): void {
    for (const piece of pieces) this.events?.received(piece, 0, piece.length);
  }

  /** All that was written. */
  sent(): Buffer {
    return Buffer.concat(this.writes);
  }

  /** The opening handshake, with the blank line that ends it. */
  handshake(): string {
    const text = this.sent().toString("latin1");
    return text.slice(0, text.indexOf("\r\n\r\n") + 4);
  }

  /** What `ws` reads behind the handshake. */
  frames(): Promise<string[]> {
    return readByWs("server", [this.sent().subarray(this.handshake().length)]);
  }

  /** The status that keeps the device from its work, by name. */
  get status(): string {
    return Status[explain(this.client).status] as string;
  }
}
