import { PacketType, writeAck } from "../wire/mqtt/mqtt.js";
import type { MqttReader } from "../wire/mqtt/reader.js";
import type { AppTraffic, MqttWriter } from "./app.js";
import type { Outbox } from "./outbox.js";

/** Runs of acknowledgements that can wait. Over MQTT 5 we ask the broker to send no more messages than that ahead. */
export const ACKS_MAX = 32;

/** The app's messages on an MQTT channel, and when they make the channel wait. */
export class AppLane {
  private readonly app: AppTraffic | null;
  /** The message that is coming in is the app's. */
  private isOpen: boolean;

  constructor(app: AppTraffic | null) {
    this.app = app;
    this.isOpen = false;
  }

  /** The longest topic that the app wants to see, bytes. */
  topicBytes(): number {
    return this.app === null ? 0 : this.app.topicBytes;
  }

  /** A new connection. */
  reset(): void {
    this.isOpen = false;
  }

  /** A packet is half composed: no other may be. */
  isStreaming(): boolean {
    return this.app !== null && this.app.isStreaming;
  }

  /** Composes what waited, and what the app sends. */
  tend(writer: MqttWriter): void {
    if (this.app !== null) this.app.tend(writer);
  }

  /** Whether a SUBACK may be the app's: the app may have dropped its filter meanwhile. */
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

  /** Whether the piece that came is the app's: it is delivered before more is read. */
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

  /** Acknowledges a message. One at QoS 2 that is sent again before its release is delivered again, as at QoS 1. */
  received(outbox: Outbox, mqtt: MqttReader): void {
    const type = mqtt.qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
    if (mqtt.qos > 0) this.acknowledge(outbox, type, mqtt.packetIdentifier);
  }

  /**
   * Acknowledges a message or its release: at once where there are no app's messages, since the session reads nothing
   * without room then; else as soon as it may be.
   */
  acknowledge(outbox: Outbox, type: PacketType, packetIdentifier: number): void {
    if (this.app !== null) this.app.acknowledge(outbox, type, packetIdentifier);
    else outbox.to = writeAck(outbox.bytes, outbox.to, type, packetIdentifier);
  }
}
