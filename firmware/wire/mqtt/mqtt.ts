/**
 * The packets that a client sends, MQTT 3.1.1. Each writer puts one packet at `out[at…]` and returns the index
 * behind it; nothing is allocated and room is the caller's matter: ask the `…Length` function first. Texts are
 * UTF-8 of at most 65,535 bytes.
 */

import { copyBytes } from "../bytes.js";

/** Control packet types (2.2.1). */
export enum PacketType {
  CONNECT = 1,
  CONNACK = 2,
  PUBLISH = 3,
  PUBACK = 4,
  PUBREC = 5,
  PUBREL = 6,
  PUBCOMP = 7,
  SUBSCRIBE = 8,
  SUBACK = 9,
  UNSUBSCRIBE = 10,
  UNSUBACK = 11,
  PINGREQ = 12,
  PINGRESP = 13,
  DISCONNECT = 14,
  /** MQTT 5 only. */
  AUTH = 15,
}

/** What four bytes of remaining length can say (2.2.3). */
export const REMAINING_LENGTH_MAX = 268435455;
/** Length of each packet that {@link writeAck} writes. */
export const ACK_BYTES = 4;
/** Length of a PINGREQ. */
export const PINGREQ_BYTES = 2;
/** Length of a DISCONNECT. */
export const DISCONNECT_BYTES = 2;

/** What a CONNECT says (3.1). Made once by the caller, who may change it between two connections. */
export interface ConnectFields {
  clientId: Uint8Array;
  userName: Uint8Array | null;
  /** Only beside a user name (3.1.2.9). */
  password: Uint8Array | null;
  /** How many bytes of `password` count. */
  passwordLength: number;
  /** 0 turns keep-alive off; at most 65,535. */
  keepAliveSeconds: number;
  cleanSession: boolean;
}

/** Bytes of a length in the form of 2.2.3. */
export function lengthBytes(length: number): number {
  if (length < 128) return 1;
  if (length < 16384) return 2;
  return length < 2097152 ? 3 : 4;
}

/** Length in bytes of a packet with this remaining length. */
export function packetLength(remainingLength: number): number {
  return 1 + lengthBytes(remainingLength) + remainingLength;
}

/** A length, seven bits a byte, the lowest first (2.2.3). */
export function writeLength(out: Uint8Array, at: number, length: number): number {
  while (length > 127) {
    out[at++] = (length & 127) | 128;
    length >>>= 7;
  }
  out[at++] = length;
  return at;
}

/** The first byte and the remaining length (2.2). */
export function writeFixedHeader(
  out: Uint8Array,
  at: number,
  first: number,
  remainingLength: number,
): number {
  out[at] = first;
  return writeLength(out, at + 1, remainingLength);
}

/** A number of 16 bits (1.5.2). */
export function writeU16(out: Uint8Array, at: number, value: number): number {
  out[at] = value >> 8;
  out[at + 1] = value & 255;
  return at + 2;
}

/** A text or binary data behind its length (1.5.3). */
export function writeText(out: Uint8Array, at: number, text: Uint8Array): number {
  at = writeU16(out, at, text.length);
  out.set(text, at);
  return at + text.length;
}

function connectRemainingLength(fields: ConnectFields): number {
  let length = 12 + fields.clientId.length;
  if (fields.userName !== null) length += 2 + fields.userName.length;
  if (fields.password !== null) length += 2 + fields.passwordLength;
  return length;
}

/** Length in bytes of what {@link writeConnect} writes. */
export function connectLength(fields: ConnectFields): number {
  return packetLength(connectRemainingLength(fields));
}

/**
 * CONNECT without a will (3.1).
 *
 * @throws Error if there is a password but no user name: the standard has no such packet.
 */
export function writeConnect(out: Uint8Array, at: number, fields: ConnectFields): number {
  const userName = fields.userName;
  const password = fields.password;
  if (password !== null && userName === null) {
    throw new Error("MQTT 3.1.1 has no password without a user name: set userName too");
  }
  at = writeFixedHeader(out, at, PacketType.CONNECT << 4, connectRemainingLength(fields));
  at = writeU16(out, at, 4);
  out[at++] = 0x4d;
  out[at++] = 0x51;
  out[at++] = 0x54;
  out[at++] = 0x54;
  out[at++] = 4;
  out[at++] = (userName === null ? 0 : 0x80) | (password === null ? 0 : 0x40) | (fields.cleanSession ? 2 : 0);
  at = writeU16(out, at, fields.keepAliveSeconds);
  at = writeText(out, at, fields.clientId);
  if (userName !== null) at = writeText(out, at, userName);
  if (password !== null) {
    at = writeU16(out, at, fields.passwordLength);
    at = copyBytes(out, at, password, 0, fields.passwordLength);
  }
  return at;
}

/** Length in bytes of what {@link writePublishHeader} writes. */
export function publishHeaderLength(topicLength: number, qos: number, payloadLength: number): number {
  return packetLength(2 + topicLength + (qos > 0 ? 2 : 0) + payloadLength) - payloadLength;
}

/** A PUBLISH up to its payload, never retained. */
export interface PublishFields {
  /** Its first `topicLength` bytes are the topic. */
  topic: Uint8Array;
  topicLength: number;
  /** 1–65,535; not sent at QoS 0. */
  packetIdentifier: number;
  qos: number;
  /** false at QoS 0. */
  dup: boolean;
  /** So many bytes must follow, and all of it may be at most {@link REMAINING_LENGTH_MAX}. */
  payloadLength: number;
}

/** PUBLISH up to its payload (3.3). */
export function writePublishHeader(out: Uint8Array, at: number, fields: PublishFields): number {
  const qos = fields.qos;
  const topic = fields.topic;
  const topicLength = fields.topicLength;
  const first = (PacketType.PUBLISH << 4) | (fields.dup ? 8 : 0) | (qos << 1);
  at = writeFixedHeader(out, at, first, 2 + topicLength + (qos > 0 ? 2 : 0) + fields.payloadLength);
  at = writeU16(out, at, topicLength);
  if (topicLength === topic.length) {
    out.set(topic, at);
    at += topicLength;
  } else at = copyBytes(out, at, topic, 0, topicLength);
  return qos > 0 ? writeU16(out, at, fields.packetIdentifier) : at;
}

/** Length in bytes of what {@link writeSubscribe} writes. */
export function subscribeLength(filterLength: number): number {
  return packetLength(5 + filterLength);
}

/** SUBSCRIBE to one filter (3.8). */
export function writeSubscribe(
  out: Uint8Array,
  at: number,
  packetIdentifier: number,
  filter: Uint8Array,
  qos: number,
): number {
  at = writeFixedHeader(out, at, (PacketType.SUBSCRIBE << 4) | 2, 5 + filter.length);
  at = writeU16(out, at, packetIdentifier);
  at = writeText(out, at, filter);
  out[at] = qos;
  return at + 1;
}

/** Length in bytes of what {@link writeUnsubscribe} writes. */
export function unsubscribeLength(filterLength: number): number {
  return packetLength(4 + filterLength);
}

/** UNSUBSCRIBE from one filter (3.10). */
export function writeUnsubscribe(
  out: Uint8Array,
  at: number,
  packetIdentifier: number,
  filter: Uint8Array,
): number {
  at = writeFixedHeader(out, at, (PacketType.UNSUBSCRIBE << 4) | 2, 4 + filter.length);
  at = writeU16(out, at, packetIdentifier);
  return writeText(out, at, filter);
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP (3.4–3.7): {@link ACK_BYTES} bytes. */
export function writeAck(out: Uint8Array, at: number, type: PacketType, packetIdentifier: number): number {
  at = writeFixedHeader(out, at, (type << 4) | (type === PacketType.PUBREL ? 2 : 0), 2);
  return writeU16(out, at, packetIdentifier);
}

/** PINGREQ (3.12). */
export function writePingreq(out: Uint8Array, at: number): number {
  return writeFixedHeader(out, at, PacketType.PINGREQ << 4, 0);
}

/** DISCONNECT (3.14). */
export function writeDisconnect(out: Uint8Array, at: number): number {
  return writeFixedHeader(out, at, PacketType.DISCONNECT << 4, 0);
}
