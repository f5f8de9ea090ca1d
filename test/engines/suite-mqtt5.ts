/** MQTT 5 as it runs on every engine: its reader in windows of several sizes, and what a device says first. */
import type { Proof } from "../../firmware/index.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { Mqtt5Reader } from "../../firmware/wire/mqtt/mqtt5-reader.js";
import { MqttEvent } from "../../firmware/wire/mqtt/reader.js";
import { firstFlight } from "./suite-flight.js";
import { hex } from "./suite-store.js";

/** CONNACK, SUBACK, PUBACK, PUBLISH, AUTH and DISCONNECT with properties, as mqtt-packet writes them. */
const FROM_BROKER = new Uint8Array([
  0x20, 0x16, 0x00, 0x00, 0x13, 0x21, 0x00, 0x0a, 0x27, 0x00, 0x00, 0x10, 0x00, 0x13, 0x00, 0x1e, 0x1f, 0x00,
  0x03, 0x79, 0x65, 0x73, 0x25, 0x00, 0x90, 0x04, 0x00, 0x01, 0x00, 0x01, 0x40, 0x04, 0x00, 0x02, 0x10, 0x00,
  0x32, 0x10, 0x00, 0x03, 0x61, 0x2f, 0x62, 0x00, 0x07, 0x05, 0x09, 0x00, 0x02, 0x01, 0x02, 0x7b, 0x7d, 0x0a,
  0xf0, 0x0c, 0x18, 0x0a, 0x15, 0x00, 0x01, 0x4d, 0x16, 0x00, 0x03, 0x09, 0x08, 0x07, 0xe0, 0x02, 0x8e, 0x00,
]);

/** The events of the bytes above in windows of this size, with what the properties say. */
function eventsOf(size: number): string {
  const reader = new Mqtt5Reader(16);
  const properties = reader.properties;
  let text = "";
  let at = 0;
  while (at < FROM_BROKER.length) {
    const event = reader.read(FROM_BROKER, at, Math.min(FROM_BROKER.length, at + size));
    at = reader.at;
    if (event === MqttEvent.MORE) continue;
    if (event === MqttEvent.PAYLOAD) text += hex(FROM_BROKER, reader.payloadFrom, reader.payloadTo);
    else {
      text += ` ${event}:${reader.packetIdentifier}:${reader.returnCode}`;
      text += `:${properties.receiveMaximum}:${properties.maximumPacketSize}:${properties.serverKeepAlive}`;
      text += `:${hex(properties.reason, 0, properties.reasonLength)}`;
      text += `:${hex(properties.data, 0, Math.max(0, properties.dataLength))}`;
    }
    if (event === MqttEvent.REFUSED) break;
  }
  return `${text} status ${reader.status}`;
}

/** The same in windows of 1, 3 and all bytes, or what differed. */
export function mqtt5Reader(): string {
  const whole = eventsOf(FROM_BROKER.length);
  const isSame = eventsOf(1) === whole && eventsOf(3) === whole;
  return isSame ? whole : `${whole} differs when split`;
}

/** All that a device says over MQTT 5 before it is answered. */
export const firstFlight5 = (proof: Proof): string => firstFlight(proof, mqtt5);
