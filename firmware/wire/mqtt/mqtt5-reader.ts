import { Status } from "../../status.js";
import { PacketType } from "./mqtt.js";
import { Fault, Mqtt5Properties } from "./mqtt5-properties.js";
import { ANY_LENGTH, MqttEvent, MqttReader, NOT_FROM_SERVER, Step } from "./reader.js";

// biome-ignore format: a table
/** The remaining length by packet type, MQTT 5. */
const REMAINING_LENGTH = new Uint8Array([
  NOT_FROM_SERVER,
  NOT_FROM_SERVER,
  ANY_LENGTH, // CONNACK
  ANY_LENGTH, // PUBLISH
  ANY_LENGTH, // PUBACK
  ANY_LENGTH, // PUBREC
  ANY_LENGTH, // PUBREL
  ANY_LENGTH, // PUBCOMP
  NOT_FROM_SERVER,
  ANY_LENGTH, // SUBACK
  NOT_FROM_SERVER,
  ANY_LENGTH, // UNSUBACK
  NOT_FROM_SERVER,
  0, // PINGRESP
  ANY_LENGTH, // DISCONNECT
  ANY_LENGTH, // AUTH
]);

const CONNACK = 1;
/** PUBACK and PUBREC. */
const PUBACK = 2;
/** PUBREL and PUBCOMP. */
const PUBREL = 4;
const SUBACK = 8;
const UNSUBACK = 16;
const DISCONNECT = 32;
const AUTH = 64;
const ALL = CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT;

/** The bit by packet type. */
const BITS = new Uint8Array([
  0,
  0,
  CONNACK,
  0,
  PUBACK,
  PUBACK,
  PUBREL,
  PUBREL,
  0,
  SUBACK,
  0,
  UNSUBACK,
  0,
  0,
  DISCONNECT,
  AUTH,
]);

// biome-ignore format: a table
/** The packets from a server that may fail with a reason code, from 0x80 on (2.4). */
const FAILURES = new Uint8Array([
  ALL,                                          // 0x80 Unspecified error
  CONNACK | DISCONNECT,                         // 0x81 Malformed Packet
  CONNACK | DISCONNECT,                         // 0x82 Protocol Error
  ALL,                                          // 0x83 Implementation specific error
  CONNACK,                                      // 0x84 Unsupported Protocol Version
  CONNACK,                                      // 0x85 Client Identifier not valid
  CONNACK,                                      // 0x86 Bad User Name or Password
  ALL,                                          // 0x87 Not authorized
  CONNACK,                                      // 0x88 Server unavailable
  CONNACK | DISCONNECT,                         // 0x89 Server busy
  CONNACK,                                      // 0x8A Banned
  DISCONNECT,                                   // 0x8B Server shutting down
  CONNACK | DISCONNECT,                         // 0x8C Bad authentication method
  DISCONNECT,                                   // 0x8D Keep Alive timeout
  DISCONNECT,                                   // 0x8E Session taken over
  SUBACK | UNSUBACK | DISCONNECT,               // 0x8F Topic Filter invalid
  CONNACK | PUBACK | DISCONNECT,                // 0x90 Topic Name invalid
  PUBACK | SUBACK | UNSUBACK,                   // 0x91 Packet identifier in use
  PUBREL,                                       // 0x92 Packet Identifier not found
  DISCONNECT,                                   // 0x93 Receive Maximum exceeded
  DISCONNECT,                                   // 0x94 Topic Alias invalid
  CONNACK | DISCONNECT | PUBACK,                // 0x95 Packet too large; mosquitto 2.0 says it in a PUBACK
  DISCONNECT,                                   // 0x96 Message rate too high
  CONNACK | PUBACK | SUBACK | DISCONNECT,       // 0x97 Quota exceeded
  DISCONNECT,                                   // 0x98 Administrative action
  CONNACK | PUBACK | DISCONNECT,                // 0x99 Payload format invalid
  CONNACK | DISCONNECT,                         // 0x9A Retain not supported
  CONNACK | DISCONNECT,                         // 0x9B QoS not supported
  CONNACK | DISCONNECT,                         // 0x9C Use another server
  CONNACK | DISCONNECT,                         // 0x9D Server moved
  SUBACK | DISCONNECT,                          // 0x9E Shared Subscriptions not supported
  CONNACK | DISCONNECT,                         // 0x9F Connection rate exceeded
  DISCONNECT,                                   // 0xA0 Maximum connect time
  SUBACK | DISCONNECT,                          // 0xA1 Subscription Identifiers not supported
  SUBACK | DISCONNECT,                          // 0xA2 Wildcard Subscriptions not supported
]);

/** The packets from a server that may have this reason code (2.4), as bits. */
const packetsWith = (reasonCode: number): number => {
  switch (reasonCode) {
    case 0x00:
      return ALL | PUBREL | AUTH;
    case 0x01:
    case 0x02:
      return SUBACK;
    case 0x10:
      return PUBACK;
    case 0x11:
      return UNSUBACK;
    case 0x18:
      return AUTH;
    default:
      return reasonCode >= 0x80 && reasonCode < 0x80 + FAILURES.length ? FAILURES[reasonCode - 0x80] : 0;
  }
};

/** Steps of MQTT 5 alone, behind those of the older reader. */
const REASON = 32 as Step;
const PROPERTIES_LENGTH = 33 as Step;
const PROPERTIES = 34 as Step;
/** The one reason code of a SUBACK or UNSUBACK: it stands behind the properties. */
const LAST_REASON = 35 as Step;

/**
 * Reads what a server sends, MQTT 5. `returnCode` is the reason code of every packet that has one, and
 * `properties` are the packet's, good until the next packet begins.
 */
export class Mqtt5Reader extends MqttReader {
  readonly properties: Mqtt5Properties;
  /** The CONNACK had the form of MQTT 3.1.1, as brokers send it that know no other. */
  isOldConnack: boolean;
  /** Bytes of the packet behind the fixed header that are to come. */
  private left: number;
  private propertiesLeft: number;
  private propertiesShift: number;

  /** @param topicBytesMax how much of a topic is kept, 1–65,535 bytes */
  constructor(topicBytesMax: number) {
    super(topicBytesMax);
    this.properties = new Mqtt5Properties();
    this.isOldConnack = false;
    this.left = 0;
    this.propertiesLeft = 0;
    this.propertiesShift = 0;
  }

  /** After REFUSED: what we answer the server about it (4.13). */
  fault(): Fault {
    switch (this.status) {
      case Status.MQTT_PROPERTY:
        return this.properties.fault;
      case Status.MQTT_TOPIC:
        // A topic of no length can be read, and may not be (3.3.2.1).
        return this.step === Step.TOPIC ? Fault.MALFORMED : Fault.PROTOCOL_ERROR;
      case Status.MQTT_PACKET_TYPE:
      case Status.MQTT_PACKET_IDENTIFIER:
      case Status.MQTT_RETURN_CODE:
        return Fault.PROTOCOL_ERROR;
      default:
        return Fault.MALFORMED;
    }
  }

  protected override lengthOf(type: number): number {
    return REMAINING_LENGTH[type];
  }

  protected override readHeader(byte: number): MqttEvent {
    switch (this.step) {
      case Step.CONNACK_RETURN_CODE:
        return this.readConnackReason(byte);
      case REASON:
        return this.readReason(byte);
      case LAST_REASON:
        this.left--;
        if (!this.isReason(byte)) return this.refuse(Status.MQTT_RETURN_CODE);
        return this.left === 0 ? this.acknowledged() : this.refuse(Status.MQTT_LENGTH);
      case PROPERTIES_LENGTH:
        return this.readPropertiesLength(byte);
      case PROPERTIES:
        return this.readProperty(byte);
      default:
        return super.readHeader(byte);
    }
  }

  protected override readType(byte: number): MqttEvent {
    this.properties.begin(byte >> 4);
    this.returnCode = 0;
    return super.readType(byte);
  }

  protected override readLength(byte: number): MqttEvent {
    // The length takes no more bytes than it needs (1.5.5).
    if (byte === 0 && this.lengthShift > 0) return this.refuse(Status.MQTT_LENGTH);
    const event = super.readLength(byte);
    if (byte > 127 || event !== MqttEvent.MORE) return event;
    this.left = this.remainingLength;
    if (this.type === PacketType.PUBLISH) return event;
    if (this.type < PacketType.DISCONNECT)
      return this.left < 2 ? this.refuse(Status.MQTT_LENGTH) : MqttEvent.MORE;
    if (this.left === 0) return this.acknowledged();
    // AUTH has all or nothing of a reason and properties (3.15.2.1).
    if (this.left === 1 && this.type === PacketType.AUTH) return this.refuse(Status.MQTT_LENGTH);
    this.step = REASON;
    return MqttEvent.MORE;
  }

  protected override readIdentifier(packetIdentifier: number): MqttEvent {
    if (packetIdentifier === 0) return this.refuse(Status.MQTT_PACKET_IDENTIFIER);
    this.packetIdentifier = packetIdentifier;
    if (this.type === PacketType.PUBLISH) return this.published();
    this.left -= 2;
    if (this.type === PacketType.SUBACK || this.type === PacketType.UNSUBACK) return this.openProperties();
    if (this.left === 0) return this.acknowledged();
    this.step = REASON;
    return MqttEvent.MORE;
  }

  /** The topic and the identifier are read: the properties stand before the payload. */
  protected override published(): MqttEvent {
    this.left = this.payloadLeft;
    return this.openProperties();
  }

  private readConnackReason(byte: number): MqttEvent {
    this.left -= 2;
    this.returnCode = byte;
    this.isOldConnack = this.left === 0;
    if (byte > 0 && this.sessionPresent) return this.refuse(Status.MQTT_FLAGS);
    if (this.isOldConnack) return byte <= 5 ? this.acknowledged() : this.refuse(Status.MQTT_RETURN_CODE);
    return this.isReason(byte) ? this.openProperties() : this.refuse(Status.MQTT_RETURN_CODE);
  }

  private readReason(byte: number): MqttEvent {
    this.left--;
    if (!this.isReason(byte)) return this.refuse(Status.MQTT_RETURN_CODE);
    return this.left === 0 ? this.acknowledged() : this.openProperties();
  }

  /** Takes a reason code. Returns whether this packet may have it. */
  private isReason(byte: number): boolean {
    this.returnCode = byte;
    return (packetsWith(byte) & BITS[this.type]) !== 0;
  }

  private openProperties(): MqttEvent {
    if (this.left === 0) return this.refuse(Status.MQTT_LENGTH);
    this.propertiesLeft = 0;
    this.propertiesShift = 0;
    this.step = PROPERTIES_LENGTH;
    return MqttEvent.MORE;
  }

  private readPropertiesLength(byte: number): MqttEvent {
    this.left--;
    const isPadded = byte === 0 && this.propertiesShift > 0;
    if (isPadded || (byte > 127 && this.propertiesShift === 21)) return this.refuse(Status.MQTT_LENGTH);
    this.propertiesLeft |= (byte & 127) << this.propertiesShift;
    this.propertiesShift += 7;
    if (byte > 127) return this.left > 0 ? MqttEvent.MORE : this.refuse(Status.MQTT_LENGTH);
    if (this.propertiesLeft > this.left) return this.refuse(Status.MQTT_LENGTH);
    this.step = PROPERTIES;
    return this.propertiesLeft > 0 ? MqttEvent.MORE : this.closeProperties();
  }

  private readProperty(byte: number): MqttEvent {
    const status = this.properties.take(byte);
    if (status !== Status.OK) return this.refuse(status);
    this.left--;
    this.propertiesLeft--;
    return this.propertiesLeft > 0 ? MqttEvent.MORE : this.closeProperties();
  }

  private closeProperties(): MqttEvent {
    if (!this.properties.isWhole()) return this.refuse(Status.MQTT_PROPERTY);
    if (this.type === PacketType.PUBLISH) {
      this.payloadLeft = this.left;
      return super.published();
    }
    if (this.type === PacketType.SUBACK || this.type === PacketType.UNSUBACK) {
      this.step = LAST_REASON;
      return this.left > 0 ? MqttEvent.MORE : this.refuse(Status.MQTT_LENGTH);
    }
    return this.left === 0 ? this.acknowledged() : this.refuse(Status.MQTT_LENGTH);
  }
}
