import type { Config } from "../config.js";
import type { Scratch } from "../crypto/scratch.js";
import type { Entropy } from "../ports.js";
import type { Status } from "../status.js";
import type { AppTraffic } from "./app.js";
import type { Deliveries, Delivery, FrameSink } from "./delivery.js";
import type { Outbox } from "./outbox.js";
import type { PeerWords } from "./peer-words.js";
import type { Terms } from "./terms.js";

/** What {@link Channel.read} came to. */
export enum ChannelEvent {
  /** All bytes were consumed. */
  MORE,
  /** The peer refused us or broke the protocol; `status` says how. */
  BROKEN,
  /** The peer accepted us, and our subscription stands. */
  READY,
  /** The answer to {@link Channel.ping}. */
  PONG,
  /** One more host of a list lies in the frame's staging area; the rest of the frame may still be refused. */
  HOST,
  /** A piece of a message for the app lies in the window: the app gets it before more is read. */
  PIECE,
  /** A message at QoS 2 was released, and acknowledged: the outbox has less room. */
  RELEASED,
  /** A message is complete; `inbox.isFrame` says whether it was a frame for us. */
  MESSAGE,
}

/**
 * What carries frames between device and cloud over one link: MQTT, or a WebSocket. It composes into the outbox,
 * reads from the link's windows, and hands the payload of each message to the inbox. It knows requests as what it
 * carries (`delivery.ts`), and nothing of calls or of time.
 */
export interface Channel {
  /** Where {@link read} stopped. */
  at: number;
  /** Why BROKEN; else OK. */
  status: Status;
  /** Frames may be sent before READY. */
  readonly isPipelined: boolean;
  /** Room that {@link read} may need in the outbox, bytes. */
  readonly replyBytes: number;
  /** What holds on this connection, and on no other. */
  readonly terms: Terms;

  /** A new connection: composes what it begins with. The outbox is empty. */
  open(): void;
  /** Consumes bytes up to the next event; `at` is how far it came. After HOST the rest is read by the next call. */
  read(bytes: Uint8Array, from: number, to: number): ChannelEvent;
  /** Whether the peer takes another frame now. */
  takesFrame(): boolean;
  /** Bytes that a frame of this length takes in the outbox, all in all; Infinity: more than the peer takes. */
  frameLength(payloadLength: number): number;
  /** Composes what stands before a request's frame. Returns where in the outbox the frame begins. */
  openFrame(request: Delivery, payloadLength: number): number;
  /** The same for an answer to a stranger, whose id is the first `length` bytes; −1: there is no room. */
  openReply(stranger: Uint8Array, length: number, isEncoded: boolean, payloadLength: number): number;
  /** The frame lies in `outbox.bytes[from..to)`: completes the packet, and releases it. */
  closeFrame(from: number, to: number): void;
  /** The cloud takes the app's encoding too: composes what that needs. false: there was no room. */
  encode(): boolean;
  /** Encoded requests stay unanswered: for the rest of the connection they are JSON. */
  endEncoding(): void;
  /** Asks the peer for a sign of life. false: there was no room. */
  ping(): boolean;
  /** Composes what the peer waits for and there was no room for. Called each turn. */
  tend(): void;
  /**
   * The connection that was opened last is over.
   * @returns the next one, to the same address, begins differently: what ended this one need not end it
   */
  lost(status: Status): boolean;
  /** Composes the farewell; nothing else is sent. The outbox is empty. */
  leave(): void;
  /** After BROKEN: composes what we answer the peer about it, if anything; nothing else is sent. The outbox is empty. */
  fail(): void;
  /** Wipes what a connection's proof left in memory. */
  wipe(): void;
}

/** What a channel works with. All of it is the session's. */
export interface ChannelParts {
  readonly config: Config;
  readonly entropy: Entropy;
  readonly scratch: Scratch;
  readonly deliveries: Deliveries;
  readonly outbox: Outbox;
  readonly inbox: FrameSink;
  /** Keeps the peer's text when it refuses something; after BROKEN, its text about that, if any. */
  readonly words: PeerWords;
  /** The name of the encoding beside JSON; null: there is none. */
  readonly encoding: string | null;
  /** The app's own messages; null: there are none. */
  readonly app: AppTraffic | null;
}

/** A kind of channel: `mqtt` unless the app gives another. Bundles leave out the kinds that it does not import. */
export interface Transport {
  /** As in `explain()`. */
  readonly name: string;
  /** It can carry a challenge and response before the peer accepts us (the proof `auth5`). */
  readonly hasExchange: boolean;
  /** It has topics for the app's own messages. */
  readonly hasTopics: boolean;
  /** @construction @internal */
  readonly channel: (parts: ChannelParts) => Channel;
}
