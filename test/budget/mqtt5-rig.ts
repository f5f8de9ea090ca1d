/**
 * The firmware over MQTT 5 on a loopback, to be measured like the rig beside it, and with the app's own messages. It
 * runs inside XS, keeps to the engines' shared language, and makes no garbage.
 */
import {
  type Address,
  type AuthClient,
  createAuth,
  type Host,
  type Link,
  type LinkEvents,
  State,
  Status,
  type Token,
} from "../../firmware/index.js";
import { type MessagePiece, Messages } from "../../firmware/messages.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { bytesOf, copyBytes } from "../../firmware/wire/bytes.js";
import { DEVICE, FarEnd, HOST, PSK, TOKEN_BYTES } from "./rig.js";
import { entropy, HandClock } from "./rig-ports.js";

const PAYLOAD = bytesOf("21.5");
/** `app/d/x`, QoS 1, and what the app publishes: the far end of the app's messages sends it back. */
const ECHO_TOPIC = "app/d/x";

/** Takes packets of MQTT 5 to the far end, which speaks 3.1.1, and its answers back with empty properties. */
class Mqtt5FarEnd implements Link, LinkEvents {
  private readonly four: FarEnd;
  private readonly packet: Uint8Array;
  private readonly window: Uint8Array;
  private windowTo: number;
  private events: LinkEvents | null;

  constructor(four: FarEnd) {
    this.four = four;
    this.packet = new Uint8Array(1024);
    this.window = new Uint8Array(4096);
    this.windowTo = 0;
    this.events = null;
  }

  open(address: Address, events: LinkEvents): void {
    this.events = events;
    this.four.open(address, this);
  }

  close(): void {
    this.four.close();
  }

  /** Remaining lengths have one or two bytes here, properties' lengths one. */
  write(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to) {
      const isShort = bytes[at + 1] < 128;
      const body = at + (isShort ? 2 : 3);
      const end = body + (isShort ? bytes[at + 1] : (bytes[at + 1] & 127) + bytes[at + 2] * 128);
      if (bytes[at] >> 4 !== 3) this.four.write(bytes, at, end);
      else if (bytes[body + 2] === 0x61) this.echo(bytes, at, body, end);
      else this.publish(bytes, body, end);
      at = end;
    }
    return to - from;
  }

  /** Hands over all that waits, until there is nothing. */
  deliver(): void {
    const events = this.events;
    this.four.deliver();
    while (events !== null && this.windowTo > 0) {
      const to = this.windowTo;
      this.windowTo = 0;
      events.received(this.window, 0, to);
      this.four.deliver();
    }
  }

  opened(): void {
    if (this.events !== null) this.events.opened();
  }

  received(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      const isShort = bytes[at + 1] < 128;
      const body = at + (isShort ? 2 : 3);
      const end = body + (isShort ? bytes[at + 1] : (bytes[at + 1] & 127) + bytes[at + 2] * 128);
      const type = bytes[at] >> 4;
      if (type === 2) this.answer(bytes, at, body, end, end);
      else if (type === 9) this.answer(bytes, at, body, body + 2, end);
      else if (type === 3) this.answer(bytes, at, body, body + 4 + bytes[body + 1], end);
      else this.windowTo = copyBytes(this.window, this.windowTo, bytes, at, end);
      at = end;
    }
  }

  writable(): void {}
  closed(): void {}

  /** A request without its properties. */
  private publish(bytes: Uint8Array, body: number, end: number): void {
    const packet = this.packet;
    const propertiesAt = body + 4 + bytes[body + 1];
    const payloadAt = propertiesAt + 1 + bytes[propertiesAt];
    const length = propertiesAt - body + end - payloadAt;
    packet[0] = 0x32;
    packet[1] = (length & 127) | 128;
    packet[2] = length >> 7;
    copyBytes(packet, 3, bytes, body, propertiesAt);
    copyBytes(packet, 3 + propertiesAt - body, bytes, payloadAt, end);
    this.four.write(packet, 0, 3 + length);
  }

  /** The app's message: acknowledged, and sent back as it is. */
  private echo(bytes: Uint8Array, at: number, body: number, end: number): void {
    const window = this.window;
    const identifierAt = body + 2 + bytes[body + 1];
    let to = this.windowTo;
    window[to++] = 0x40;
    window[to++] = 2;
    window[to++] = bytes[identifierAt];
    window[to++] = bytes[identifierAt + 1];
    this.windowTo = copyBytes(window, to, bytes, at, end);
  }

  /** A packet with one byte more, the empty properties, in front of `splitAt`. */
  private answer(bytes: Uint8Array, at: number, body: number, splitAt: number, end: number): void {
    const window = this.window;
    const length = end - body + 1;
    let to = this.windowTo;
    window[to++] = bytes[at];
    if (length > 127) {
      window[to++] = (length & 127) | 128;
      window[to++] = length >> 7;
    } else window[to++] = length;
    to = copyBytes(window, to, bytes, body, splitAt);
    window[to++] = 0;
    this.windowTo = copyBytes(window, to, bytes, splitAt, end);
  }
}

/** A ready device over MQTT 5 with one token and one subscription, and the operations that are measured on it. */
export class Mqtt5Rig {
  /** Callbacks told so far. */
  told: number;
  private readonly auth: AuthClient;
  private readonly app: Host;
  private readonly messages: Messages;
  private readonly topic: Uint8Array;
  private readonly clock: HandClock;
  private readonly farEnd: Mqtt5FarEnd;
  private readonly onToken: (status: Status, token: Token | null) => void;
  private readonly onPublished: (status: Status) => void;

  constructor() {
    const farEnd = new Mqtt5FarEnd(new FarEnd("counter+mac", false));
    this.farEnd = farEnd;
    this.clock = new HandClock();
    this.told = 0;
    this.onToken = (status: Status, token: Token | null): void => {
      if (status !== Status.OK || token === null || token.length !== TOKEN_BYTES)
        throw new Error(`rig: status ${status} instead of a token`);
      this.told++;
    };
    this.onPublished = (status: Status): void => {
      if (status !== Status.OK) throw new Error(`rig: status ${status} of a message`);
    };
    this.messages = new Messages();
    this.topic = this.messages.topic(ECHO_TOPIC);
    const cloud = { host: "loopback" };
    const credential = { psk: PSK, counter: 1 };
    const options = { deviceId: DEVICE, cloud, credential, proof: "counter+mac" as const };
    this.auth = createAuth(
      { ...options, transport: mqtt5, messages: this.messages },
      { link: farEnd, clock: this.clock, entropy },
    );
    this.app = this.auth.host(HOST);
    this.messages.subscribe(
      "app/#",
      (piece: MessagePiece): void => {
        if (piece.to - piece.from === PAYLOAD.length) this.told++;
      },
      this.onPublished,
    );
    this.clock.fire();
    farEnd.opened();
    farEnd.deliver();
    this.roundTrip();
    if (this.auth.state !== State.READY) throw new Error(`rig: the device is in state ${this.auth.state}`);
  }

  /** A new token. */
  roundTrip(): void {
    this.clock.nowMs++;
    this.app.generateToken(this.onToken);
    this.clock.fire();
    this.farEnd.deliver();
  }

  /** The app's message goes out, is acknowledged, and comes back to the app. */
  echo(): void {
    this.clock.nowMs++;
    this.messages.publish(this.topic, PAYLOAD, 1, this.onPublished);
    this.clock.fire();
    this.farEnd.deliver();
  }
}
