/**
 * The packets of MQTT 5 that a client writes in another form than in 3.1.1; the others (PUBACK, PINGREQ and
 * DISCONNECT without a reason) are the same bytes. Room is the caller's matter: ask the `…Length` function first.
 */

import { copyBytes } from "../bytes.js";
import {
  type ConnectFields,
  lengthBytes,
  PacketType,
  type PublishFields,
  packetLength,
  writeFixedHeader,
  writeLength,
  writeText,
  writeU16,
} from "./mqtt.js";
import { Property } from "./mqtt5-properties.js";

/** What a CONNECT of MQTT 5 says more (3.1.2.11). */
export interface Connect5Fields extends ConnectFields {
  /** How long the broker keeps our session behind a connection, s; 0: not at all. */
  sessionExpirySeconds: number;
  /** How many messages at QoS 1 the broker may send us before we acknowledge one; 0: as many as there are. */
  receiveMaximum: number;
  /** null: no enhanced authentication. */
  method: Uint8Array | null;
  data: Uint8Array;
}

/** Reason codes of AUTH (3.15.2.1). */
const CONTINUE_AUTHENTICATION = 0x18;
/** QoS 1, no echoes, and no messages that were retained before (3.8.3.1). */
const SUBSCRIPTION_OPTIONS = 0x25;

const methodLength = (method: Uint8Array | null, data: Uint8Array): number =>
  method === null ? 0 : 6 + method.length + data.length;

const writeMethod = (out: Uint8Array, at: number, method: Uint8Array | null, data: Uint8Array): number => {
  if (method === null) return at;
  out[at] = Property.AUTHENTICATION_METHOD;
  at = writeText(out, at + 1, method);
  out[at] = Property.AUTHENTICATION_DATA;
  return writeText(out, at + 1, data);
};

const connectPropertiesLength = (fields: Connect5Fields): number =>
  (fields.sessionExpirySeconds > 0 ? 5 : 0) +
  (fields.receiveMaximum > 0 ? 3 : 0) +
  methodLength(fields.method, fields.data);

const connectRemainingLength = (fields: Connect5Fields): number => {
  const properties = connectPropertiesLength(fields);
  let length = 12 + lengthBytes(properties) + properties + fields.clientId.length;
  if (fields.userName !== null) length += 2 + fields.userName.length;
  if (fields.password !== null) length += 2 + fields.passwordLength;
  return length;
};

/** Length in bytes of what {@link writeConnect5} writes. */
export const connect5Length = (fields: Connect5Fields): number =>
  packetLength(connectRemainingLength(fields));

/** CONNECT without a will (3.1). */
export const writeConnect5 = (out: Uint8Array, at: number, fields: Connect5Fields): number => {
  const userName = fields.userName;
  const password = fields.password;
  at = writeFixedHeader(out, at, PacketType.CONNECT << 4, connectRemainingLength(fields));
  at = writeU16(out, at, 4);
  out[at++] = 0x4d;
  out[at++] = 0x51;
  out[at++] = 0x54;
  out[at++] = 0x54;
  out[at++] = 5;
  out[at++] = (userName === null ? 0 : 0x80) | (password === null ? 0 : 0x40) | (fields.cleanSession ? 2 : 0);
  at = writeU16(out, at, fields.keepAliveSeconds);
  at = writeLength(out, at, connectPropertiesLength(fields));
  if (fields.sessionExpirySeconds > 0) {
    out[at] = Property.SESSION_EXPIRY_INTERVAL;
    at = writeU16(out, at + 1, Math.floor(fields.sessionExpirySeconds / 65_536));
    at = writeU16(out, at, fields.sessionExpirySeconds & 65_535);
  }
  if (fields.receiveMaximum > 0) {
    out[at] = Property.RECEIVE_MAXIMUM;
    at = writeU16(out, at + 1, fields.receiveMaximum);
  }
  at = writeMethod(out, at, fields.method, fields.data);
  at = writeText(out, at, fields.clientId);
  if (userName !== null) at = writeText(out, at, userName);
  if (password === null) return at;
  at = writeU16(out, at, fields.passwordLength);
  return copyBytes(out, at, password, 0, fields.passwordLength);
};

/** Length in bytes of what {@link writeAuth} writes. */
export const authLength = (method: Uint8Array, data: Uint8Array): number =>
  packetLength(2 + methodLength(method, data));

/** AUTH that continues an exchange (3.15); method and data are at most 100 bytes together. */
export const writeAuth = (out: Uint8Array, at: number, method: Uint8Array, data: Uint8Array): number => {
  const properties = methodLength(method, data);
  at = writeFixedHeader(out, at, PacketType.AUTH << 4, 2 + properties);
  out[at] = CONTINUE_AUTHENTICATION;
  out[at + 1] = properties;
  return writeMethod(out, at + 2, method, data);
};

/** Length in bytes of what {@link writeSubscribe5} writes. */
export const subscribe5Length = (filterLength: number): number => packetLength(6 + filterLength);

/** SUBSCRIBE to one filter (3.8) at QoS 1, without our own echoes. */
export const writeSubscribe5 = (
  out: Uint8Array,
  at: number,
  packetIdentifier: number,
  filter: Uint8Array,
): number => {
  at = writeFixedHeader(out, at, (PacketType.SUBSCRIBE << 4) | 2, 6 + filter.length);
  at = writeU16(out, at, packetIdentifier);
  out[at] = 0;
  at = writeText(out, at + 1, filter);
  out[at] = SUBSCRIPTION_OPTIONS;
  return at + 1;
};

/** Length in bytes of what {@link writeUnsubscribe5} writes. */
export const unsubscribe5Length = (filterLength: number): number => packetLength(5 + filterLength);

/** UNSUBSCRIBE from one filter (3.10). */
export const writeUnsubscribe5 = (
  out: Uint8Array,
  at: number,
  packetIdentifier: number,
  filter: Uint8Array,
): number => {
  at = writeFixedHeader(out, at, (PacketType.UNSUBSCRIBE << 4) | 2, 5 + filter.length);
  at = writeU16(out, at, packetIdentifier);
  out[at] = 0;
  return writeText(out, at + 1, filter);
};

/** Response Topic and Correlation Data, where there are any. */
const publishPropertiesLength = (responseTopicLength: number, correlationLength: number): number =>
  responseTopicLength === 0 ? 0 : 6 + responseTopicLength + correlationLength;

const publishRemainingLength = (topicLength: number, qos: number, properties: number): number =>
  2 + topicLength + (qos > 0 ? 2 : 0) + lengthBytes(properties) + properties;

/** Length in bytes of what {@link writePublish5Header} writes. */
export const publish5HeaderLength = (
  topicLength: number,
  qos: number,
  responseTopicLength: number,
  correlationLength: number,
  payloadLength: number,
): number => {
  const properties = publishPropertiesLength(responseTopicLength, correlationLength);
  return packetLength(publishRemainingLength(topicLength, qos, properties) + payloadLength) - payloadLength;
};

/** Where a PUBLISH is to be answered, and how its sender knows the answer. */
export interface ResponseFields {
  readonly responseTopic: Uint8Array;
  readonly correlation: Uint8Array;
}

/** PUBLISH up to its payload (3.3). @param response null: it wants no answer */
export const writePublish5Header = (
  out: Uint8Array,
  at: number,
  fields: PublishFields,
  response: ResponseFields | null,
): number => {
  const qos = fields.qos;
  const topicLength = fields.topicLength;
  const properties =
    response === null
      ? 0
      : publishPropertiesLength(response.responseTopic.length, response.correlation.length);
  const remaining = publishRemainingLength(topicLength, qos, properties) + fields.payloadLength;
  const first = (PacketType.PUBLISH << 4) | (fields.dup ? 8 : 0) | (qos << 1);
  at = writeFixedHeader(out, at, first, remaining);
  at = writeU16(out, at, topicLength);
  at = copyBytes(out, at, fields.topic, 0, topicLength);
  if (qos > 0) at = writeU16(out, at, fields.packetIdentifier);
  at = writeLength(out, at, properties);
  if (response === null) return at;
  out[at] = Property.RESPONSE_TOPIC;
  at = writeText(out, at + 1, response.responseTopic);
  out[at] = Property.CORRELATION_DATA;
  return writeText(out, at + 1, response.correlation);
};

/** DISCONNECT that says what was wrong with what came (3.14): four bytes. */
export const writeDisconnect5 = (out: Uint8Array, at: number, reasonCode: number): number => {
  at = writeFixedHeader(out, at, PacketType.DISCONNECT << 4, 2);
  return writeU16(out, at, reasonCode << 8);
};
