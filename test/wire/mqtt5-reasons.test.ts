/** The reason codes of MQTT 5: each packet takes those that the standard's table has for it, and no others. */
import assert from "node:assert/strict";
import { Mqtt5Reader } from "../../firmware/wire/mqtt/mqtt5-reader.js";
import { eventsOf } from "./mqtt-events.js";
import { everySplit } from "./transcript.js";

/** MQTT 5, 2.4: the packets from a server that may have each reason code, by name. */
// biome-ignore format: a table
const REASON_CODES: readonly [code: number, ...packets: string[]][] = [
  [0x00, "CONNACK", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK", "DISCONNECT", "AUTH"],
  [0x01, "SUBACK"], [0x02, "SUBACK"], [0x10, "PUBACK", "PUBREC"], [0x11, "UNSUBACK"], [0x18, "AUTH"],
  [0x80, "CONNACK", "PUBACK", "PUBREC", "SUBACK", "UNSUBACK", "DISCONNECT"],
  [0x81, "CONNACK", "DISCONNECT"], [0x82, "CONNACK", "DISCONNECT"],
  [0x83, "CONNACK", "PUBACK", "PUBREC", "SUBACK", "UNSUBACK", "DISCONNECT"],
  [0x84, "CONNACK"], [0x85, "CONNACK"], [0x86, "CONNACK"],
  [0x87, "CONNACK", "PUBACK", "PUBREC", "SUBACK", "UNSUBACK", "DISCONNECT"],
  [0x88, "CONNACK"], [0x89, "CONNACK", "DISCONNECT"], [0x8a, "CONNACK"], [0x8b, "DISCONNECT"],
  [0x8c, "CONNACK", "DISCONNECT"], [0x8d, "DISCONNECT"], [0x8e, "DISCONNECT"],
  [0x8f, "SUBACK", "UNSUBACK", "DISCONNECT"], [0x90, "CONNACK", "PUBACK", "PUBREC", "DISCONNECT"],
  [0x91, "PUBACK", "PUBREC", "SUBACK", "UNSUBACK"], [0x92, "PUBREL", "PUBCOMP"],
  [0x93, "DISCONNECT"], [0x94, "DISCONNECT"],
  // mosquitto 2.0 answers a message beyond its message_size_limit with it, though 3.4.2.1 has it not.
  [0x95, "CONNACK", "DISCONNECT", "PUBACK", "PUBREC"],
  [0x96, "DISCONNECT"], [0x97, "CONNACK", "PUBACK", "PUBREC", "SUBACK", "DISCONNECT"], [0x98, "DISCONNECT"],
  [0x99, "CONNACK", "PUBACK", "PUBREC", "DISCONNECT"], [0x9a, "CONNACK", "DISCONNECT"],
  [0x9b, "CONNACK", "DISCONNECT"], [0x9c, "CONNACK", "DISCONNECT"], [0x9d, "CONNACK", "DISCONNECT"],
  [0x9e, "SUBACK", "DISCONNECT"], [0x9f, "CONNACK", "DISCONNECT"], [0xa0, "DISCONNECT"],
  [0xa1, "SUBACK", "DISCONNECT"], [0xa2, "SUBACK", "DISCONNECT"],
];

/** A packet with this reason code, by hand. */
const WITH_REASON: Readonly<Record<string, (code: string) => string>> = {
  CONNACK: (code) => `200300${code}00`,
  PUBACK: (code) => `40030001${code}`,
  PUBREC: (code) => `50040001${code}00`,
  PUBREL: (code) => `62030001${code}`,
  PUBCOMP: (code) => `70030001${code}`,
  SUBACK: (code) => `9004000100${code}`,
  UNSUBACK: (code) => `b004000100${code}`,
  DISCONNECT: (code) => `e001${code}`,
  AUTH: (code) => `f006${code}041500014d`,
};

describe("a reason code of MQTT 5", () => {
  for (const [packet, write] of Object.entries(WITH_REASON)) {
    it(`of ${packet} is one of the standard's table for it, or refused`, () => {
      for (let code = 0; code < 256; code++) {
        const bytes = Buffer.from(write(code.toString(16).padStart(2, "0")), "hex");
        const isDefined = REASON_CODES.some(
          ([known, ...packets]) => known === code && packets.includes(packet),
        );
        for (const windows of everySplit(bytes)) {
          const reader = new Mqtt5Reader(10);
          const [line] = eventsOf(windows, reader, () => ` reason=${reader.returnCode}`);
          const expected = isDefined ? packet : "REFUSED MQTT_RETURN_CODE";
          assert.ok(line?.startsWith(expected), `0x${code.toString(16)}: ${line}`);
          if (isDefined) assert.ok(line?.includes(`reason=${code}`), line);
        }
      }
    });
  }
});
