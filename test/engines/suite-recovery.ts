/** The way back of a counter (B8) from end to end, as it runs on every engine. This file runs inside the engines, as `suite.ts` does. */
import { createAuth, type LinkEvents, type Ports, type Waker } from "../../firmware/index.js";
import { bytesOf } from "../../firmware/wire/bytes.js";
import { hex } from "./suite-store.js";

const CONNACK = 0x20;
const BAD_CREDENTIALS = 4;
const PUBLISH = 0x30;
const SUBSCRIBE = 0x82;
const SUBACK = 0x90;
/** What the cloud says under the nonce 00…0f, and its MAC as node:crypto has it. */
const COUNTER = `{"c":4294967361,"mac":"4NQVOPO9sdK3FqSzveSn1p7SzyCirwPizyzgte4S9SI"}`;

/** What a device wrote to its present connection. */
class Line {
  readonly bytes: number[] = [];

  /** The identifier of its SUBSCRIBE, two bytes. */
  subscription(): number[] {
    let at = 0;
    while (at < this.bytes.length) {
      const type = this.bytes[at];
      let length = 0;
      let scale = 1;
      do {
        at++;
        length += (this.bytes[at] & 0x7f) * scale;
        scale *= 128;
      } while (this.bytes[at] >= 128);
      at++;
      if (type === SUBSCRIBE) return [this.bytes[at], this.bytes[at + 1]];
      at += length;
    }
    return [];
  }

  /** The id of the last call of the Auth service, in digits. */
  lastId(): string {
    let text = "";
    for (let i = 0; i < this.bytes.length; i++) text += String.fromCharCode(this.bytes[i]);
    let at = text.lastIndexOf('"id":', text.lastIndexOf("/v1/Auth.")) + 5;
    let digits = "";
    while (text[at] >= "0" && text[at] <= "9") {
      digits += text[at];
      at++;
    }
    return digits;
  }
}

/** A PUBLISH of QoS 0 with a frame for somebody. */
function publish(id: string, frame: string): number[] {
  const topic = bytesOf(`${id}/rpc`);
  const payload = bytesOf(frame);
  const length = 2 + topic.length + payload.length;
  const packet = [PUBLISH, (length % 128) + 128, Math.floor(length / 128), 0, topic.length];
  for (let i = 0; i < topic.length; i++) packet.push(topic[i]);
  for (let i = 0; i < payload.length; i++) packet.push(payload[i]);
  return packet;
}

/**
 * All that a device says whose counter is refused, which asks for it, connects with the next one and has its token; what
 * is answered comes in pieces of this many bytes. Then how the call ended, and what became of the counters.
 */
export function recoveryFlight(size: number): { sent: string; end: string } {
  const driver: { events?: LinkEvents; waker?: Waker } = {};
  let line = new Line();
  let sent = "";
  let opened = 0;
  let nowMs = 0;
  let delayMs = 0;
  let told = "";
  const ports: Ports = {
    link: {
      open: (_address, events) => {
        driver.events = events;
        line = new Line();
        opened++;
        sent += "open ";
      },
      write: (bytes, from, to) => {
        sent += `${hex(bytes, from, to)} `;
        for (let i = from; i < to; i++) line.bytes.push(bytes[i]);
        return to - from;
      },
      close: () => {
        sent += "close ";
      },
    },
    clock: {
      now: () => nowMs,
      wakeAfter: (after, waker) => {
        delayMs = after;
        driver.waker = waker;
      },
      cancel: () => {},
    },
    entropy: {
      fill: (bytes, from, to) => {
        for (let i = from; i < to; i++) bytes[i] = i - from;
      },
    },
  };
  const credential = { psk: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", counter: 1 };
  const cloud = { host: "broker.example.com" };
  const auth = createAuth(
    { deviceId: "device_123", cloud, credential, proof: "counter", allowInsecure: true },
    ports,
  );
  const wake = (): void => {
    nowMs += delayMs;
    if (driver.waker !== undefined) driver.waker.turn();
  };
  const open = (): void => {
    const before = opened;
    for (let turn = 0; turn < 5 && opened === before; turn++) wake();
    if (driver.events !== undefined) driver.events.opened();
  };
  const answer = (packet: number[]): void => {
    const bytes = new Uint8Array(packet);
    for (let at = 0; at < bytes.length; at += size)
      if (driver.events !== undefined) driver.events.received(bytes, at, Math.min(bytes.length, at + size));
  };
  const accept = (): void => {
    answer([CONNACK, 2, 0, 0]);
    answer([SUBACK, 3].concat(line.subscription(), [1]));
  };
  auth.host("app.example.com").getToken((status, token) => {
    told = `${status} ${token === null ? "" : hex(token.bytes, 0, token.length)}`;
  });
  open();
  answer([CONNACK, 2, 0, BAD_CREDENTIALS]);
  open();
  accept();
  answer(publish("device_123-recover", `{"v":2,"id":${line.lastId()},"result":${COUNTER}}`));
  open();
  accept();
  answer(publish("device_123", `{"v":2,"id":${line.lastId()},"result":{"token":"a.token"}}`));
  wake();
  auth.close();
  return { sent, end: `${told} after ${opened} connections, ${auth.counters.recoveries} recovery` };
}
