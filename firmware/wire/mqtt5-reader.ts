import { Status } from "../status.js";
import { PacketType } from "./mqtt.js";
import { ANY_LENGTH, MqttEvent, MqttReader, NOT_FROM_SERVER, Step } from "./mqtt-reader.js";
import { Mqtt5Properties } from "./mqtt5-properties.js";

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
        this.returnCode = byte;
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
    if (byte > 0 && byte < 0x80) return this.refuse(Status.MQTT_RETURN_CODE);
    return this.openProperties();
  }

  private readReason(byte: number): MqttEvent {
    this.left--;
    this.returnCode = byte;
    return this.left === 0 ? this.acknowledged() : this.openProperties();
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
