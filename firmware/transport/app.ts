import type { Turns } from "../ports.js";
import type { PacketType } from "../wire/mqtt/mqtt.js";
import type { Outbox } from "./outbox.js";
import type { Terms } from "./terms.js";
import type { OwnTopics } from "./topics.js";

/** What writes the packets of the app's messages, in the version of MQTT that the connection has. */
export interface MqttWriter {
  readonly outbox: Outbox;
  readonly topics: OwnTopics;
  readonly terms: Terms;
  /** 1…65,535, none that is under way. */
  nextPacketIdentifier(): number;
  /** Length in bytes of what {@link writeSubscribe} writes. */
  subscribeLength(filter: Uint8Array): number;
  /** SUBSCRIBE to one filter at QoS 1. */
  writeSubscribe(packetIdentifier: number, filter: Uint8Array): void;
  /** Length in bytes of what {@link writeUnsubscribe} writes. */
  unsubscribeLength(filter: Uint8Array): number;
  writeUnsubscribe(packetIdentifier: number, filter: Uint8Array): void;
  /** Length in bytes of what {@link writeMessage} writes; Infinity: no packet may be so long with its payload. */
  messageLength(topicLength: number, qos: number, payloadLength: number): number;
  /** PUBLISH up to its payload, which begins where the outbox ends then. */
  writeMessage(topic: Uint8Array, packetIdentifier: number, qos: number, payloadLength: number): void;
}

/** The app's own messages on the same MQTT connection, as the session sees them. @internal */
export interface AppTraffic {
  /** The longest topic that is delivered whole, bytes. */
  readonly topicBytes: number;
  /** A piece waits to be delivered at the end of the turn: nothing is read before. */
  readonly hasPiece: boolean;
  /** A message's payload is half composed: no other packet may be. */
  readonly isStreaming: boolean;
  /** No further acknowledgement can wait: nothing is read until one has left. */
  readonly isBacklogged: boolean;
  /** A packet cannot be finished: MQTT takes none back, so the connection must end. */
  readonly isBroken: boolean;

  /** The client that this is part of. */
  bind(turns: Turns): void;
  /** The connection is ready: subscribes to every filter again. */
  ready(): void;
  /** The connection is gone. */
  lost(): void;
  /** Ends what waits too long. Called each turn, with a connection or without. */
  expire(nowMs: number): void;
  /** When {@link expire} has something to do; Infinity: never. */
  wakeAtMs(): number;
  /** Composes what there is room for. */
  tend(writer: MqttWriter): void;
  /** Whether the acknowledgement is ours. A return code from 0x80 on is a refusal. */
  acknowledged(packetIdentifier: number, returnCode: number): boolean;
  /** Acknowledges a message or its release: at once, or when {@link tend} has room for it. */
  acknowledge(outbox: Outbox, type: PacketType, packetIdentifier: number): void;
  /** Whether a message on this topic is for the app: pieces follow then. */
  open(topic: Uint8Array, topicLength: number, payloadLength: number, retain: boolean): boolean;
  /** The next piece of its payload, in the link's window. */
  piece(bytes: Uint8Array, from: number, to: number): void;
  /** The message is complete. */
  close(): void;
  /** Calls one callback of the app, if one is due. Returns whether there was one. */
  deliver(): boolean;
  /** The client is closed: everything pending ends with CLOSED. */
  end(): void;
}
