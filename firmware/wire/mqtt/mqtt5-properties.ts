import { Status } from "../../status.js";
import { utf8Next } from "../utf8.js";

/** The properties that a server may send (MQTT 5, 2.2.2.2). */
export enum Property {
  PAYLOAD_FORMAT_INDICATOR = 0x01,
  MESSAGE_EXPIRY_INTERVAL = 0x02,
  CONTENT_TYPE = 0x03,
  RESPONSE_TOPIC = 0x08,
  CORRELATION_DATA = 0x09,
  SUBSCRIPTION_IDENTIFIER = 0x0b,
  SESSION_EXPIRY_INTERVAL = 0x11,
  ASSIGNED_CLIENT_IDENTIFIER = 0x12,
  SERVER_KEEP_ALIVE = 0x13,
  AUTHENTICATION_METHOD = 0x15,
  AUTHENTICATION_DATA = 0x16,
  RESPONSE_INFORMATION = 0x1a,
  SERVER_REFERENCE = 0x1c,
  REASON_STRING = 0x1f,
  RECEIVE_MAXIMUM = 0x21,
  TOPIC_ALIAS_MAXIMUM = 0x22,
  TOPIC_ALIAS = 0x23,
  MAXIMUM_QOS = 0x24,
  RETAIN_AVAILABLE = 0x25,
  USER_PROPERTY = 0x26,
  MAXIMUM_PACKET_SIZE = 0x27,
  WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28,
  SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29,
  SHARED_SUBSCRIPTION_AVAILABLE = 0x2a,
}

/** How much of a Reason String is kept, bytes. */
export const REASON_BYTES_MAX = 64;
/** How much of Authentication Data or Correlation Data is kept, bytes. */
export const DATA_BYTES_MAX = 64;
/** How much of an Authentication Method is kept, bytes. */
const METHOD_BYTES_MAX = 32;

/** What a client that ends a connection says of what came (3.14.2.1). */
export enum Fault {
  MALFORMED = 0x81,
  PROTOCOL_ERROR = 0x82,
  /** Ours: what the server may say, and we cannot live with. */
  IMPLEMENTATION = 0x83,
  TOPIC_ALIAS = 0x94,
}

const PROPERTIES = 0x2b;

enum Type {
  NONE,
  BYTE,
  U16,
  /** The length of the number in bytes, as BYTE and U16 have it. */
  U32 = 4,
  VARINT = 5,
  TEXT = 6,
  BINARY = 7,
  PAIR = 8,
}

// biome-ignore format: a table
/** Type by identifier. */
const TYPES = new Uint8Array([
  Type.NONE, Type.BYTE, Type.U32, Type.TEXT, Type.NONE, Type.NONE, Type.NONE, Type.NONE,             // 0x00
  Type.TEXT, Type.BINARY, Type.NONE, Type.VARINT, Type.NONE, Type.NONE, Type.NONE, Type.NONE,        // 0x08
  Type.NONE, Type.U32, Type.TEXT, Type.U16, Type.NONE, Type.TEXT, Type.BINARY, Type.NONE,            // 0x10
  Type.NONE, Type.NONE, Type.TEXT, Type.NONE, Type.TEXT, Type.NONE, Type.NONE, Type.TEXT,            // 0x18
  Type.NONE, Type.U16, Type.U16, Type.U16, Type.BYTE, Type.BYTE, Type.PAIR, Type.U32,                // 0x20
  Type.BYTE, Type.BYTE, Type.BYTE,                                                                   // 0x28
]);

const CONNACK = 1;
const PUBLISH = 2;
/** PUBACK to UNSUBACK. */
const ACK = 4;
const DISCONNECT = 8;
const AUTH = 16;

// biome-ignore format: a table
/** The packets from a server that a property may stand in, by identifier. */
const PACKETS = new Uint8Array([
  0, PUBLISH, PUBLISH, PUBLISH, 0, 0, 0, 0,                                  // 0x00
  PUBLISH, PUBLISH, 0, PUBLISH, 0, 0, 0, 0,                                  // 0x08
  0, CONNACK, CONNACK, CONNACK, 0, CONNACK | AUTH, CONNACK | AUTH, 0,        // 0x10
  0, 0, CONNACK, 0, CONNACK | DISCONNECT, 0, 0, 255 - PUBLISH,               // 0x18
  0, CONNACK, CONNACK, PUBLISH, CONNACK, CONNACK, 255, CONNACK,              // 0x20
  CONNACK, CONNACK, CONNACK,                                                 // 0x28
]);

/** The bit of {@link PACKETS} by packet type. */
const BITS = new Uint8Array([
  0,
  0,
  CONNACK,
  PUBLISH,
  ACK,
  ACK,
  ACK,
  ACK,
  0,
  ACK,
  0,
  ACK,
  0,
  0,
  DISCONNECT,
  AUTH,
]);

enum Part {
  IDENTIFIER,
  NUMBER,
  VARINT,
  LENGTH_HIGH,
  LENGTH_LOW,
  CONTENT,
}

/**
 * Reads the properties of one packet, byte by byte, and keeps those that a client acts on. Texts are checked and
 * cut, the rest is skipped; a property that is twice there, or in the wrong packet, is an error of the protocol.
 */
export class Mqtt5Properties {
  /** Of CONNACK, 3.2.2.3; what a server did not say has the standard's default. */
  receiveMaximum: number;
  maximumPacketSize: number;
  maximumQos: number;
  /** Seconds; −1: as the client asked. */
  serverKeepAlive: number;
  hasAssignedClientIdentifier: boolean;
  /** The Server Reference, else the Reason String, cut: the first `reasonLength` bytes. */
  readonly reason: Uint8Array;
  reasonLength: number;
  /** Authentication Data or Correlation Data as sent, −1: none. At most DATA_BYTES_MAX of them are kept. */
  readonly data: Uint8Array;
  dataLength: number;
  /** Authentication Method as sent, −1: none. */
  readonly method: Uint8Array;
  methodLength: number;
  /** Why the last MQTT_PROPERTY. */
  fault: Fault;

  /** A Server Reference was there. */
  private hasReference: boolean;
  private packet: number;
  private part: Part;
  private identifier: number;
  private value: number;
  private shift: number;
  /** Bytes of the number or of the content that are to come. */
  private left: number;
  private length: number;
  /** The value of a pair is to come. */
  private isName: boolean;
  private utf8: number;
  /** A bit per identifier that was there: 0–31, and from 32 on. */
  private seenLow: number;
  private seenHigh: number;

  constructor() {
    this.reason = new Uint8Array(REASON_BYTES_MAX);
    this.data = new Uint8Array(DATA_BYTES_MAX);
    this.method = new Uint8Array(METHOD_BYTES_MAX);
    this.begin(0);
  }

  /** Properties of a packet of this type begin. */
  begin(packetType: number): void {
    this.packet = BITS[packetType];
    this.receiveMaximum = 65_535;
    this.maximumPacketSize = Infinity;
    this.maximumQos = 2;
    this.serverKeepAlive = -1;
    this.hasAssignedClientIdentifier = false;
    this.reasonLength = 0;
    this.hasReference = false;
    this.dataLength = -1;
    this.methodLength = -1;
    this.fault = Fault.MALFORMED;
    this.part = Part.IDENTIFIER;
    this.identifier = 0;
    this.value = 0;
    this.shift = 0;
    this.left = 0;
    this.length = 0;
    this.isName = false;
    this.utf8 = 0;
    this.seenLow = 0;
    this.seenHigh = 0;
  }

  /** Whether no property is half read, and none is missing: AUTH names its method (3.15.2.2.2). */
  isWhole(): boolean {
    if (this.part !== Part.IDENTIFIER) return false;
    this.fault = Fault.PROTOCOL_ERROR;
    return this.packet !== AUTH || this.methodLength >= 0;
  }

  /** The next byte. OK, or why it cannot come here. */
  take(byte: number): Status {
    switch (this.part) {
      case Part.IDENTIFIER:
        return this.open(byte);
      case Part.NUMBER:
        this.value = this.value * 256 + byte;
        this.left--;
        return this.left > 0 ? Status.OK : this.closeNumber();
      case Part.VARINT:
        // No more bytes than it needs (1.5.5).
        if (byte === 0 && this.shift > 0) return Status.MQTT_PROPERTY;
        this.value += (byte & 127) * Math.pow(2, this.shift);
        this.shift += 7;
        if (byte > 127) return this.shift < 28 ? Status.OK : Status.MQTT_PROPERTY;
        return this.closeNumber();
      case Part.LENGTH_HIGH:
        this.value = byte;
        this.part = Part.LENGTH_LOW;
        return Status.OK;
      case Part.LENGTH_LOW:
        this.length = this.value * 256 + byte;
        this.left = this.length;
        this.utf8 = 0;
        this.part = Part.CONTENT;
        return this.left > 0 ? Status.OK : this.closeContent();
      default:
        return this.takeContent(byte);
    }
  }

  private open(identifier: number): Status {
    if (identifier >= PROPERTIES || (PACKETS[identifier] & this.packet) === 0) return Status.MQTT_PROPERTY;
    const isMany = identifier === Property.USER_PROPERTY || identifier === Property.SUBSCRIPTION_IDENTIFIER;
    const bit = 1 << (identifier & 31);
    const seen = identifier < 32 ? this.seenLow : this.seenHigh;
    if ((seen & bit) !== 0 && !isMany) return this.refuse(Fault.PROTOCOL_ERROR);
    if (identifier < 32) this.seenLow = seen | bit;
    else this.seenHigh = seen | bit;
    const type = TYPES[identifier];
    this.identifier = identifier;
    this.value = 0;
    this.shift = 0;
    this.left = type;
    if (identifier === Property.SERVER_REFERENCE) this.hasReference = true;
    this.isName = type === Type.PAIR;
    if (type <= Type.U32) this.part = Part.NUMBER;
    else this.part = type === Type.VARINT ? Part.VARINT : Part.LENGTH_HIGH;
    return Status.OK;
  }

  private closeNumber(): Status {
    const value = this.value;
    let isRight = true;
    this.part = Part.IDENTIFIER;
    switch (this.identifier) {
      case Property.SUBSCRIPTION_IDENTIFIER:
        isRight = value > 0;
        break;
      case Property.RECEIVE_MAXIMUM:
        this.receiveMaximum = value;
        isRight = value > 0;
        break;
      case Property.MAXIMUM_PACKET_SIZE:
        this.maximumPacketSize = value;
        isRight = value > 0;
        break;
      case Property.MAXIMUM_QOS:
        this.maximumQos = value;
        isRight = value <= 1;
        break;
      case Property.SERVER_KEEP_ALIVE:
        this.serverKeepAlive = value;
        break;
      // We allow none: the topic's name must be there (3.3.2.3.4).
      case Property.TOPIC_ALIAS:
        return this.refuse(Fault.TOPIC_ALIAS);
      default:
        // What is left of the numbers of one byte are flags.
        isRight = TYPES[this.identifier] !== Type.BYTE || value <= 1;
    }
    return isRight ? Status.OK : this.refuse(Fault.PROTOCOL_ERROR);
  }

  private takeContent(byte: number): Status {
    const at = this.length - this.left;
    if (TYPES[this.identifier] === Type.BINARY) {
      if (at < DATA_BYTES_MAX) this.data[at] = byte;
    } else {
      this.utf8 = utf8Next(this.utf8, byte);
      if (this.utf8 < 0 || byte === 0) return Status.MQTT_PROPERTY;
      if (this.isReason() && at < REASON_BYTES_MAX) this.reason[at] = byte;
      if (this.identifier === Property.AUTHENTICATION_METHOD && at < METHOD_BYTES_MAX) this.method[at] = byte;
      if (this.identifier === Property.RESPONSE_TOPIC && (byte === 0x23 || byte === 0x2b))
        return this.refuse(Fault.PROTOCOL_ERROR);
    }
    this.left--;
    return this.left > 0 ? Status.OK : this.closeContent();
  }

  /** Where to go says more than why. */
  private isReason(): boolean {
    const kept = this.hasReference ? Property.SERVER_REFERENCE : Property.REASON_STRING;
    return this.identifier === kept;
  }

  private closeContent(): Status {
    if (this.utf8 !== 0) return Status.MQTT_PROPERTY;
    if (this.isName) {
      this.isName = false;
      this.part = Part.LENGTH_HIGH;
      return Status.OK;
    }
    const length = this.length;
    if (this.isReason()) this.reasonLength = Math.min(length, REASON_BYTES_MAX);
    else if (this.identifier === Property.AUTHENTICATION_METHOD) this.methodLength = length;
    // A topic has at least one character (4.7.3), and no wildcard (3.3.2.3.5).
    else if (this.identifier === Property.RESPONSE_TOPIC && length === 0)
      return this.refuse(Fault.PROTOCOL_ERROR);
    else if (this.identifier === Property.ASSIGNED_CLIENT_IDENTIFIER) this.hasAssignedClientIdentifier = true;
    else if (TYPES[this.identifier] === Type.BINARY) this.dataLength = length;
    this.part = Part.IDENTIFIER;
    return Status.OK;
  }
  private refuse(fault: Fault): Status {
    this.fault = fault;
    return Status.MQTT_PROPERTY;
  }
}
