import type { Config } from "../config.js";
import type { Counters } from "../counters.js";
import type { MacSession } from "../proof/mac.js";
import type { Sha256 } from "../proof/sha256.js";
import { Status } from "../status.js";
import { sameBytes } from "../wire/bytes.js";
import { FrameEvent, FrameReader } from "../wire/frame.js";
import { MqttEvent, MqttReader } from "../wire/mqtt-reader.js";

/** What {@link Inbox.read} came to. */
export enum InboxEvent {
  /** All bytes were consumed. */
  MORE,
  /** The peer broke the protocol; `status` says how. */
  BROKEN,
  CONNACK,
  SUBACK,
  PUBACK,
  PINGRESP,
  /** One more host of a list lies in the frame's staging area; the rest of the frame may still be refused. */
  HOST,
  /** A message is complete; `isFrame` tells whether it was a frame for us. */
  MESSAGE,
}

enum Route {
  /** The payload is not ours, or was refused: it is only consumed. */
  DROP,
  FRAME,
  /** Behind the frame's closing brace. */
  TRAILER,
}

const SLASH = 0x2f;
const SPACE = 0x20;

/** From bytes to checked frames: MQTT, the topic, the frame and its MAC, in pieces of any size. */
export class Inbox {
  at: number;
  status: Status;
  readonly mqtt: MqttReader;
  readonly frame: FrameReader;
  /** MESSAGE: a whole frame, its MAC checked where there is one, lies in `frame`. */
  isFrame: boolean;
  /** The topic named a method: the frame is a request whatever it says itself. */
  isRequestTopic: boolean;
  /** Why the last frame was dropped, for people. */
  lastRefusal: Status;

  private readonly topic: Uint8Array;
  private readonly topicLength: number;
  private readonly mac: MacSession | null;
  private readonly hash: Sha256 | null;
  private readonly counters: Counters;
  private route: Route;
  /** Bytes of the window's payload piece that were not looked at yet. */
  private pieceLeft: number;
  private sawHost: boolean;

  /** @param hash for incoming MACs only: one may be half computed while a request is signed */
  constructor(config: Config, mac: MacSession | null, hash: Sha256 | null, counters: Counters) {
    const limits = config.limits;
    this.topic = config.filter;
    this.topicLength = config.filter.length - 2;
    this.mqtt = new MqttReader(this.topicLength + 1);
    this.frame = new FrameReader(
      config.deviceId,
      config.cloud,
      limits.idBytes,
      limits.hostBytes,
      limits.tokenBytes,
    );
    this.mac = mac;
    this.hash = hash;
    this.counters = counters;
    this.at = 0;
    this.status = Status.OK;
    this.isFrame = false;
    this.isRequestTopic = false;
    this.lastRefusal = Status.OK;
    this.route = Route.DROP;
    this.pieceLeft = 0;
    this.sawHost = false;
  }

  /** A new connection. */
  reset(): void {
    this.mqtt.reset();
    this.status = Status.OK;
    this.route = Route.DROP;
    this.pieceLeft = 0;
  }

  /** Forgets what was staged and hashed. */
  wipe(): void {
    this.frame.staging.fill(0);
    if (this.hash !== null) this.hash.wipe();
  }

  /** Consumes bytes up to the next event; `at` tells how far. After HOST the rest is read by the next call. */
  read(bytes: Uint8Array, from: number, to: number): InboxEvent {
    const mqtt = this.mqtt;
    let at = from;
    for (;;) {
      if (this.pieceLeft > 0) {
        at = this.readPiece(bytes, at);
        if (this.sawHost) {
          this.sawHost = false;
          this.at = at;
          return InboxEvent.HOST;
        }
      }
      const event = mqtt.read(bytes, at, to);
      at = mqtt.at;
      this.at = at;
      switch (event) {
        case MqttEvent.MORE:
          return InboxEvent.MORE;
        case MqttEvent.PAYLOAD:
          at = mqtt.payloadFrom;
          this.pieceLeft = mqtt.payloadTo - at;
          break;
        case MqttEvent.PUBLISH:
          if (mqtt.qos > 1) return this.broken(Status.MQTT_QOS);
          this.openMessage();
          break;
        case MqttEvent.MESSAGE:
          this.closeMessage();
          return InboxEvent.MESSAGE;
        case MqttEvent.CONNACK:
          return InboxEvent.CONNACK;
        case MqttEvent.SUBACK:
          return InboxEvent.SUBACK;
        case MqttEvent.PUBACK:
          return InboxEvent.PUBACK;
        case MqttEvent.PINGRESP:
          return InboxEvent.PINGRESP;
        case MqttEvent.REFUSED:
          return this.broken(mqtt.status);
        default:
          return this.broken(Status.MQTT_UNEXPECTED);
      }
    }
  }

  private broken(status: Status): InboxEvent {
    this.status = status;
    return InboxEvent.BROKEN;
  }

  private openMessage(): void {
    const mqtt = this.mqtt;
    const length = this.topicLength;
    const isOurs =
      sameBytes(this.topic, 0, mqtt.topic, 0, length) &&
      (mqtt.topicLength === length || (mqtt.topicLength > length && mqtt.topic[length] === SLASH));
    this.isRequestTopic = mqtt.topicLength > length + 1;
    this.isFrame = false;
    this.route = isOurs ? Route.FRAME : Route.DROP;
    if (!isOurs) {
      this.counters.foreign++;
      return;
    }
    this.frame.reset();
    if (this.mac !== null && this.hash !== null) this.mac.receiveBegin(this.hash);
  }

  /** Looks at the piece that begins at `at`, to its end or to a host. */
  private readPiece(bytes: Uint8Array, at: number): number {
    const to = at + this.pieceLeft;
    while (at < to) {
      if (this.route === Route.FRAME) {
        const event = this.frame.read(bytes, at, to);
        const next = this.frame.at;
        if (this.hash !== null) this.hash.update(bytes, at, next);
        at = next;
        if (event === FrameEvent.END) this.route = Route.TRAILER;
        else if (event === FrameEvent.REFUSED) this.drop(this.frame.status);
        this.sawHost = event === FrameEvent.HOST;
        if (this.sawHost) break;
      } else {
        if (this.route === Route.TRAILER) this.readTrailer(bytes, at, to);
        at = to;
      }
    }
    this.pieceLeft = to - at;
    return at;
  }

  private readTrailer(bytes: Uint8Array, from: number, to: number): void {
    if (this.mac !== null && this.hash !== null) {
      const status = this.mac.receiveTrailer(this.hash, bytes, from, to);
      if (status !== Status.OK) this.drop(status);
      return;
    }
    for (let i = from; i < to; i++) {
      // Space, tab, line feed, carriage return: what may stand behind a JSON text (RFC 8259, section 2).
      const c = bytes[i];
      if (c !== SPACE && c !== 0x09 && c !== 0x0a && c !== 0x0d) {
        this.drop(Status.FRAME_TRAILING);
        return;
      }
    }
  }

  private closeMessage(): void {
    if (this.route === Route.FRAME) this.drop(Status.JSON_TRUNCATED);
    if (this.route !== Route.TRAILER) return;
    if (this.mac !== null && this.hash !== null) {
      const status = this.mac.receiveEnd(this.hash);
      if (status !== Status.OK) {
        this.drop(status);
        return;
      }
    }
    this.isFrame = true;
  }

  private drop(status: Status): void {
    this.route = Route.DROP;
    this.lastRefusal = status;
    if (status === Status.MAC_REPLAYED) this.counters.macReplayed++;
    else if (status === Status.MAC_MISSING || status === Status.MAC_WRONG) this.counters.macRefused++;
    else this.counters.malformed++;
  }
}
