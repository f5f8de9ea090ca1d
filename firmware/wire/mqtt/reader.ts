import { Status } from "../../status.js";
import { sameBytes } from "../bytes.js";
import { utf8Next } from "../utf8.js";
import { PacketType } from "./mqtt.js";

/** What {@link MqttReader.read} found. A packet's event has the number of its packet type (MQTT 3.1.1, 2.2.1). */
export enum MqttEvent {
  /** The window is used up: nothing is pending. */
  MORE = 0,
  /** Malformed: close the connection. `status` says why, `at` is the byte that could not come here. */
  REFUSED = 1,
  CONNACK = 2,
  /** Topic and identifier are read; PAYLOAD (none if it is empty) and MESSAGE follow. */
  PUBLISH = 3,
  PUBACK = 4,
  PUBREC = 5,
  PUBREL = 6,
  PUBCOMP = 7,
  SUBACK = 9,
  UNSUBACK = 11,
  PINGRESP = 13,
  /** MQTT 5 only, as AUTH. */
  DISCONNECT = 14,
  AUTH = 15,
  /** A piece of the payload lies in the window. */
  PAYLOAD = 16,
  /** The payload is complete: now the PUBLISH may be acknowledged. */
  MESSAGE = 17,
}

/** What the next byte of a header is. */
export enum Step {
  TYPE,
  LENGTH,
  CONNACK_FLAGS,
  CONNACK_RETURN_CODE,
  IDENTIFIER_HIGH,
  IDENTIFIER_LOW,
  SUBACK_RETURN_CODE,
  TOPIC_LENGTH_HIGH,
  TOPIC_LENGTH_LOW,
  TOPIC,
  PAYLOAD,
}

/** In a table of remaining lengths: a server sends no such packet. */
export const NOT_FROM_SERVER = 255;
/** In a table of remaining lengths: it varies. */
export const ANY_LENGTH = 254;

/** The remaining length by packet type, MQTT 3.1.1; a SUBACK answers one filter, since we subscribe one filter a packet. */
const REMAINING_LENGTH = new Uint8Array([
  NOT_FROM_SERVER,
  NOT_FROM_SERVER,
  2, // CONNACK
  ANY_LENGTH, // PUBLISH
  2, // PUBACK
  2, // PUBREC
  2, // PUBREL
  2, // PUBCOMP
  NOT_FROM_SERVER,
  3, // SUBACK
  NOT_FROM_SERVER,
  2, // UNSUBACK
  NOT_FROM_SERVER,
  0, // PINGRESP
  NOT_FROM_SERVER,
  NOT_FROM_SERVER,
]);

/**
 * Reads what a server sends, MQTT 3.1.1, from windows of any size: any split of the same bytes gives the same
 * events, but for the pieces of a payload. It judges each packet by itself; whether it may come now (a second
 * CONNACK, an acknowledgement nobody waits for) is the session's matter.
 */
export class MqttReader {
  /** The first byte not consumed, after `read()`. */
  at: number;
  /** Why REFUSED; else OK. */
  status: Status;

  /** Of PUBLISH (0 at QoS 0) and of every acknowledgement. */
  packetIdentifier: number;
  /** Of PUBLISH, as are `dup`, `retain` and the topic. */
  qos: number;
  dup: boolean;
  retain: boolean;
  topic: Uint8Array;
  /** Bytes of the topic as sent. More than `topic.length`: the rest was validated and dropped. */
  topicLength: number;

  /** The piece of PAYLOAD: indexes into the window. */
  payloadFrom: number;
  payloadTo: number;
  /** Payload bytes still to come behind this piece; at PUBLISH, the whole payload's length. */
  payloadLeft: number;

  /** Of CONNACK. */
  sessionPresent: boolean;
  /** Of CONNACK, 0–5 (3.2.2.3), and of SUBACK: the granted QoS, or 0x80 (3.9.3). */
  returnCode: number;

  protected step: Step;
  protected type: number;
  protected remainingLength: number;
  protected lengthShift: number;
  protected high: number;
  private topicRead: number;
  /** The topic of the PUBLISH before is whole and valid, and so long; 0: it is not. */
  private knownLength: number;
  protected utf8: number;

  /** @param topicBytesMax how much of a topic is kept, 1–65,535 bytes */
  constructor(topicBytesMax: number) {
    if (!(topicBytesMax >= 1 && topicBytesMax <= 65535)) {
      throw new Error("MqttReader keeps 1 to 65535 bytes of a topic: set topicBytesMax within");
    }
    this.at = 0;
    this.status = Status.OK;
    this.packetIdentifier = 0;
    this.qos = 0;
    this.dup = false;
    this.retain = false;
    this.topic = new Uint8Array(topicBytesMax);
    this.topicLength = 0;
    this.payloadFrom = 0;
    this.payloadTo = 0;
    this.payloadLeft = 0;
    this.sessionPresent = false;
    this.returnCode = 0;
    this.step = Step.TYPE;
    this.type = 0;
    this.remainingLength = 0;
    this.lengthShift = 0;
    this.high = 0;
    this.topicRead = 0;
    this.knownLength = 0;
    this.utf8 = 0;
  }

  /** A new connection: the next byte begins a packet. */
  reset(): void {
    this.status = Status.OK;
    this.step = Step.TYPE;
  }

  /**
   * Consumes `bytes[from…to)` up to the next event. Call it again from `at`, with an empty window too, until it
   * says MORE: MESSAGE needs no byte of its own.
   */
  read(bytes: Uint8Array, from: number, to: number): MqttEvent {
    let event = MqttEvent.MORE;
    let i = from;
    if (this.status !== Status.OK) {
      event = MqttEvent.REFUSED;
    } else if (this.step === Step.PAYLOAD) {
      return this.readPayload(from, to);
    }
    while (event === MqttEvent.MORE && i < to) {
      if (this.step === Step.TOPIC) {
        event = this.isKnown(bytes, i, to)
          ? this.topicEnded(i + this.topicLength)
          : this.readTopic(bytes, i, to);
        i = this.at;
      } else {
        event = this.readHeader(bytes[i]);
        if (event !== MqttEvent.REFUSED) i++;
      }
    }
    this.at = i;
    return event;
  }

  private readPayload(from: number, to: number): MqttEvent {
    const left = this.payloadLeft;
    this.at = from;
    if (left === 0) {
      this.step = Step.TYPE;
      return MqttEvent.MESSAGE;
    }
    if (from === to) return MqttEvent.MORE;
    const pieceTo = to - from > left ? from + left : to;
    this.at = pieceTo;
    this.payloadFrom = from;
    this.payloadTo = pieceTo;
    this.payloadLeft = left - (pieceTo - from);
    return MqttEvent.PAYLOAD;
  }

  /** Most messages come on the topic of the one before. */
  private isKnown(bytes: Uint8Array, from: number, to: number): boolean {
    const length = this.topicLength;
    return (
      length === this.knownLength &&
      this.topicRead === 0 &&
      to - from >= length &&
      sameBytes(this.topic, 0, bytes, from, length)
    );
  }

  private topicEnded(at: number): MqttEvent {
    this.at = at;
    this.knownLength = this.topicLength <= this.topic.length ? this.topicLength : 0;
    if (this.qos === 0) return this.published();
    this.step = Step.IDENTIFIER_HIGH;
    return MqttEvent.MORE;
  }

  private readTopic(bytes: Uint8Array, from: number, to: number): MqttEvent {
    const topic = this.topic;
    const room = topic.length;
    const length = this.topicLength;
    let utf8 = this.utf8;
    let out = this.topicRead;
    let i = from;
    this.knownLength = 0;
    const end = to - from > length - out ? from + length - out : to;
    while (i < end) {
      const byte = bytes[i];
      // Nearly all bytes of a topic are ASCII above "+", the higher one of the two wildcards.
      if (byte <= 0x2b || byte >= 0x80 || utf8 !== 0) {
        utf8 = utf8Next(utf8, byte);
        if (utf8 < 0 || byte === 0 || byte === 0x23 || byte === 0x2b) {
          this.at = i;
          return this.refuse(Status.MQTT_TOPIC);
        }
      }
      if (out < room) topic[out] = byte;
      out++;
      i++;
    }
    this.at = i;
    this.utf8 = utf8;
    this.topicRead = out;
    if (out < length) return MqttEvent.MORE;
    if (utf8 !== 0) {
      this.at = i - 1;
      return this.refuse(Status.MQTT_TOPIC);
    }
    return this.topicEnded(i);
  }

  /** The remaining length of a packet type: ANY_LENGTH, NOT_FROM_SERVER, or the one that there is. */
  protected lengthOf(type: number): number {
    return REMAINING_LENGTH[type];
  }

  protected readHeader(byte: number): MqttEvent {
    if (this.step === Step.TYPE) return this.readType(byte);
    if (this.step === Step.LENGTH) return this.readLength(byte);
    if (this.step === Step.IDENTIFIER_LOW) return this.readIdentifier((this.high << 8) | byte);
    if (this.step === Step.TOPIC_LENGTH_LOW) return this.readTopicLength((this.high << 8) | byte);
    return this.readCode(byte);
  }

  private readCode(byte: number): MqttEvent {
    switch (this.step) {
      case Step.CONNACK_FLAGS:
        if (byte > 1) return this.refuse(Status.MQTT_FLAGS);
        this.sessionPresent = byte === 1;
        this.step = Step.CONNACK_RETURN_CODE;
        return MqttEvent.MORE;
      case Step.CONNACK_RETURN_CODE:
        if (byte > 5) return this.refuse(Status.MQTT_RETURN_CODE);
        if (byte > 0 && this.sessionPresent) return this.refuse(Status.MQTT_FLAGS);
        this.returnCode = byte;
        return this.acknowledged();
      case Step.SUBACK_RETURN_CODE:
        if (byte > 2 && byte !== 0x80) return this.refuse(Status.MQTT_RETURN_CODE);
        this.returnCode = byte;
        return this.acknowledged();
      default:
        // The high half of an identifier or of a topic's length; the low half is the next step.
        this.high = byte;
        this.step++;
        return MqttEvent.MORE;
    }
  }

  protected readType(byte: number): MqttEvent {
    const type = byte >> 4;
    const flags = byte & 15;
    if (this.lengthOf(type) === NOT_FROM_SERVER) return this.refuse(Status.MQTT_PACKET_TYPE);
    if (type === PacketType.PUBLISH) {
      const qos = (flags >> 1) & 3;
      if (qos === 3) return this.refuse(Status.MQTT_QOS);
      if (qos === 0 && flags >= 8) return this.refuse(Status.MQTT_FLAGS);
      this.qos = qos;
      this.dup = flags >= 8;
      this.retain = (flags & 1) === 1;
    } else if (flags !== (type === PacketType.PUBREL ? 2 : 0)) {
      return this.refuse(Status.MQTT_FLAGS);
    }
    this.type = type;
    this.packetIdentifier = 0;
    this.remainingLength = 0;
    this.lengthShift = 0;
    this.step = Step.LENGTH;
    return MqttEvent.MORE;
  }

  /** Accepts padded lengths (0x80 0x00) within the four bytes: only MQTT 5 forbids them. */
  protected readLength(byte: number): MqttEvent {
    const length = this.remainingLength | ((byte & 127) << this.lengthShift);
    if (byte > 127) {
      if (this.lengthShift === 21) return this.refuse(Status.MQTT_LENGTH);
      this.remainingLength = length;
      this.lengthShift += 7;
      return MqttEvent.MORE;
    }
    this.remainingLength = length;
    if (this.type === PacketType.PUBLISH) {
      if (length < 2) return this.refuse(Status.MQTT_LENGTH);
      this.step = Step.TOPIC_LENGTH_HIGH;
      return MqttEvent.MORE;
    }
    const wanted = this.lengthOf(this.type);
    if (length !== wanted && wanted !== ANY_LENGTH) return this.refuse(Status.MQTT_LENGTH);
    if (this.type === PacketType.PINGRESP) return this.acknowledged();
    this.step = this.type === PacketType.CONNACK ? Step.CONNACK_FLAGS : Step.IDENTIFIER_HIGH;
    return MqttEvent.MORE;
  }

  private readTopicLength(length: number): MqttEvent {
    if (length === 0) return this.refuse(Status.MQTT_TOPIC);
    this.payloadLeft = this.remainingLength - length - (this.qos > 0 ? 4 : 2);
    if (this.payloadLeft < 0) return this.refuse(Status.MQTT_LENGTH);
    this.topicLength = length;
    this.topicRead = 0;
    this.utf8 = 0;
    this.step = Step.TOPIC;
    return MqttEvent.MORE;
  }

  protected readIdentifier(packetIdentifier: number): MqttEvent {
    if (packetIdentifier === 0) return this.refuse(Status.MQTT_PACKET_IDENTIFIER);
    this.packetIdentifier = packetIdentifier;
    if (this.type === PacketType.PUBLISH) return this.published();
    if (this.type !== PacketType.SUBACK) return this.acknowledged();
    this.step = Step.SUBACK_RETURN_CODE;
    return MqttEvent.MORE;
  }

  protected published(): MqttEvent {
    this.step = Step.PAYLOAD;
    return MqttEvent.PUBLISH;
  }

  protected acknowledged(): MqttEvent {
    this.step = Step.TYPE;
    return this.type;
  }

  protected refuse(status: Status): MqttEvent {
    this.status = status;
    return MqttEvent.REFUSED;
  }
}
