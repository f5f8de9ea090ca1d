import { ACK_BYTES, PacketType, writeAck } from "../wire/mqtt.js";
import type { MqttReader } from "../wire/mqtt-reader.js";
import type { AppTraffic, MqttPen } from "./app.js";
import type { Outbox } from "./outbox.js";

/** More PUBLISHes than brokers send without an acknowledgement (mosquitto: 20); over MQTT 5 they are told. */
export const ACKS_MAX = 32;

/** The app's messages on an MQTT channel, and what they make the channel wait with. */
export class AppLane {
  private readonly app: AppTraffic | null;
  /**
   * Acknowledgements that wait for room, or for the end of a packet that is being composed: a ring, the oldest first.
   * Each is its packet type, and its identifier in the lower 16 bits.
   */
  private readonly owed: number[] | null;
  private owedFrom: number;
  private owedCount: number;
  /** The message that is coming in is the app's. */
  private isOpen: boolean;

  constructor(app: AppTraffic | null) {
    this.app = app;
    this.owed = app === null ? null : new Array(ACKS_MAX);
    this.owedFrom = 0;
    this.owedCount = 0;
    this.isOpen = false;
  }

  /** The longest topic that the app wants to see, bytes. */
  topicBytes(): number {
    return this.app === null ? 0 : this.app.topicBytes;
  }

  /** A new connection. */
  reset(): void {
    this.owedCount = 0;
    this.isOpen = false;
  }

  /** A packet is half composed: no other may be. */
  isStreaming(): boolean {
    return this.app !== null && this.app.isStreaming;
  }

  /** Composes what waited, and what the app wants to say. */
  tend(pen: MqttPen): void {
    const outbox = pen.outbox;
    const owed = this.owed;
    if (this.app === null || owed === null) return;
    while (this.owedCount > 0 && !this.app.isStreaming && outbox.takes(ACK_BYTES)) {
      const ack = owed[this.owedFrom];
      outbox.to = writeAck(outbox.bytes, outbox.to, ack >> 16, ack & 65535);
      this.owedFrom = (this.owedFrom + 1) % ACKS_MAX;
      this.owedCount--;
    }
    this.app.tend(pen);
  }

  /** Whether a SUBACK may be the app's: its filter may have been given up meanwhile. */
  subscribed(mqtt: MqttReader): boolean {
    this.acknowledged(mqtt);
    return this.app !== null;
  }

  /** Whether an acknowledgement is the app's. */
  acknowledged(mqtt: MqttReader): boolean {
    return this.app !== null && this.app.acknowledged(mqtt.packetIdentifier, mqtt.returnCode);
  }

  /** Whether the message that begins is the app's. */
  open(mqtt: MqttReader): boolean {
    this.isOpen =
      this.app !== null && this.app.open(mqtt.topic, mqtt.topicLength, mqtt.payloadLeft, mqtt.retain);
    return this.isOpen;
  }

  /** Whether the piece that came is the app's: it is told before more is read. */
  takePiece(bytes: Uint8Array, mqtt: MqttReader): boolean {
    if (this.app === null || !this.isOpen) return false;
    this.app.piece(bytes, mqtt.payloadFrom, mqtt.payloadTo);
    return true;
  }

  /** The message is complete. Returns whether it was the app's. */
  close(): boolean {
    const wasOpen = this.isOpen;
    this.isOpen = false;
    if (this.app !== null && wasOpen) this.app.close();
    return wasOpen;
  }

  /** Acknowledges a message. One at QoS 2 that is sent again before its release is told again, as at QoS 1. */
  received(outbox: Outbox, mqtt: MqttReader): void {
    const type = mqtt.qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
    if (mqtt.qos > 0) this.acknowledge(outbox, type, mqtt.packetIdentifier);
  }

  /**
   * Acknowledges a message or its release: at once where there are no app's messages, since the session reads nothing
   * without room then; else later where it must be, in the order of the messages (4.6).
   */
  acknowledge(outbox: Outbox, type: PacketType, packetIdentifier: number): void {
    const owed = this.owed;
    const isFree = !this.isStreaming() && this.owedCount === 0 && outbox.room() >= ACK_BYTES;
    if (owed === null || isFree) outbox.to = writeAck(outbox.bytes, outbox.to, type, packetIdentifier);
    // What has no place is sent to us again: the broker sees it unacknowledged at the next connection.
    else if (this.owedCount < ACKS_MAX) {
      owed[(this.owedFrom + this.owedCount) % ACKS_MAX] = (type << 16) | packetIdentifier;
      this.owedCount++;
    }
  }
}
