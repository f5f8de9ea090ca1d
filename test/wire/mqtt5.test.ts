import assert from "node:assert/strict";
import fc from "fast-check";
import { generate, type Packet } from "mqtt-packet";
import { Status } from "../../firmware/status.js";
import { DATA_BYTES_MAX, REASON_BYTES_MAX } from "../../firmware/wire/mqtt/mqtt5-properties.js";
import { Mqtt5Reader } from "../../firmware/wire/mqtt/mqtt5-reader.js";
import { MqttEvent } from "../../firmware/wire/mqtt/reader.js";
import { eventsOf } from "./mqtt-events.js";
import { cut, everySplit } from "./transcript.js";

const FIVE = { protocolVersion: 5 } as const;

/** What our reader makes of these windows: events, reason codes, and the properties that it keeps. */
function told(windows: Uint8Array[]): string[] {
  const reader = new Mqtt5Reader(1000);
  const { properties } = reader;
  return eventsOf(windows, reader, (event) => {
    if (event === MqttEvent.MESSAGE || event === MqttEvent.PINGRESP) return "";
    const words: unknown[] = [];
    if (event !== MqttEvent.PUBLISH) words.push(`reason=${reader.returnCode}`);
    if (properties.reasonLength > 0) {
      words.push(`"${Buffer.from(properties.reason.subarray(0, properties.reasonLength))}"`);
    }
    if (properties.dataLength >= 0) {
      const kept = Math.min(properties.dataLength, DATA_BYTES_MAX);
      words.push(`data=${Buffer.from(properties.data.subarray(0, kept)).toString("hex")}`);
    }
    if (event === MqttEvent.CONNACK) {
      const { receiveMaximum, maximumPacketSize, maximumQos, serverKeepAlive } = properties;
      words.push([receiveMaximum, maximumPacketSize, maximumQos, serverKeepAlive].join("/"));
      if (properties.hasAssignedClientIdentifier) words.push("assigned");
    }
    return ` | ${words.join(" ")}`;
  });
}

interface Case {
  packet: Packet;
  lines: string[];
}

const identifier = fc.integer({ min: 1, max: 65_535 });
const reasonText = fc.option(fc.stringMatching(/^[ -~]{1,60}$/), { nil: undefined });
const word = fc.stringMatching(/^[a-z]{1,12}$/);
const userProperties = fc.option(fc.dictionary(word, word, { minKeys: 1, maxKeys: 3 }), { nil: undefined });
const data = fc.option(
  fc.uint8Array({ minLength: 1, maxLength: 90 }).map((bytes) => Buffer.from(bytes)),
  { nil: undefined },
);
const dataText = (bytes: Buffer | undefined): string =>
  bytes === undefined ? "" : ` data=${bytes.subarray(0, DATA_BYTES_MAX).toString("hex")}`;
const quoted = (text: string | undefined): string => (text === undefined ? "" : ` "${text}"`);

/** Without the members that are undefined: mqtt-packet writes those too. */
const given = <T extends object>(properties: T): T =>
  Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as T;

const connack = fc
  .record({
    code: fc.constantFrom(0, 0x80, 0x84, 0x87, 0x8c, 0x97),
    present: fc.boolean(),
    receiveMaximum: fc.option(identifier, { nil: undefined }),
    maximumPacketSize: fc.option(fc.integer({ min: 1, max: 0xffff_ffff }), { nil: undefined }),
    maximumQoS: fc.option(fc.constantFrom(0, 1), { nil: undefined }),
    serverKeepAlive: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
    assignedClientIdentifier: fc.option(word, { nil: undefined }),
    reasonString: reasonText,
    userProperties,
    data,
  })
  .map(({ code, present, data, ...properties }): Case => {
    const { receiveMaximum, maximumPacketSize, maximumQoS, serverKeepAlive, reasonString } = properties;
    const sessionPresent = present && code === 0;
    const numbers = [
      receiveMaximum ?? 65_535,
      maximumPacketSize ?? Infinity,
      maximumQoS ?? 2,
      serverKeepAlive ?? -1,
    ];
    const assigned = properties.assignedClientIdentifier === undefined ? "" : " assigned";
    const method = data === undefined ? undefined : "M";
    return {
      packet: {
        cmd: "connack",
        reasonCode: code,
        sessionPresent,
        properties: given({
          ...properties,
          authenticationMethod: method,
          authenticationData: data,
        }) as object,
      },
      lines: [
        `CONNACK sessionPresent=${sessionPresent} returnCode=${code} | reason=${code}${quoted(reasonString)}${dataText(data)} ${numbers.join("/")}${assigned}`,
      ],
    };
  });

const acknowledgement = fc
  .tuple(
    fc.constantFrom("puback", "pubrec", "pubrel", "pubcomp"),
    identifier,
    fc.constantFrom(0, 0x10, 0x87, 0x97),
    reasonText,
    userProperties,
  )
  .map(([cmd, messageId, wanted, reasonString, userProperties]): Case => {
    const reasonCode = cmd === "pubrel" || cmd === "pubcomp" ? 0 : wanted;
    const properties = given({ reasonString, userProperties });
    return {
      packet: { cmd, messageId, reasonCode, properties } as Packet,
      lines: [
        `${cmd.toUpperCase()} packetIdentifier=${messageId} | reason=${reasonCode}${quoted(reasonString)}`,
      ],
    };
  });

const suback = fc
  .tuple(fc.constantFrom("suback", "unsuback"), identifier, fc.constantFrom(0, 1, 0x87), reasonText)
  .map(([cmd, messageId, code, reasonString]): Case => {
    const granted = cmd === "unsuback" && code === 1 ? 0 : code;
    const returned = cmd === "suback" ? ` returnCode=${granted}` : "";
    return {
      packet: { cmd, messageId, granted: [granted], properties: given({ reasonString }) } as Packet,
      lines: [
        `${cmd.toUpperCase()} packetIdentifier=${messageId}${returned} | reason=${granted}${quoted(reasonString)}`,
      ],
    };
  });

const farewell = fc
  .tuple(fc.constantFrom("disconnect", "auth"), reasonText, data)
  .map(([cmd, reasonString, data]): Case => {
    const reasonCode = cmd === "auth" ? 0x18 : 0x8e;
    const method = cmd === "auth" ? { authenticationMethod: "M", authenticationData: data } : {};
    return {
      packet: { cmd, reasonCode, properties: given({ ...method, reasonString }) } as Packet,
      lines: [
        `${cmd.toUpperCase()} | reason=${reasonCode}${quoted(reasonString)}${cmd === "auth" ? dataText(data) : ""}`,
      ],
    };
  });

const publish = fc
  .tuple(
    word,
    fc.constantFrom(0 as const, 1 as const),
    identifier,
    data,
    userProperties,
    fc.uint8Array({ maxLength: 300 }),
  )
  .map(([topic, qos, messageId, correlationData, userProperties, bytes]): Case => {
    const payload = Buffer.from(bytes);
    const properties = given({
      responseTopic: "a/b",
      contentType: "application/json",
      messageExpiryInterval: 7,
      payloadFormatIndicator: true,
      correlationData,
      userProperties,
    });
    const id = qos > 0 ? ` packetIdentifier=${messageId}` : "";
    return {
      packet: {
        cmd: "publish",
        topic,
        qos,
        messageId,
        payload,
        dup: false,
        retain: false,
        properties,
      } as Packet,
      lines: [
        `PUBLISH ${topic} qos=${qos}${id} payload=${payload.length} |${dataText(correlationData)}`
          .replace("|", "| ")
          .replace("|  ", "| "),
        ...(payload.length > 0 ? [`PAYLOAD ${payload.toString("latin1")}`] : []),
        "MESSAGE",
      ],
    };
  });

const serverPacket = fc.oneof(connack, acknowledgement, suback, farewell, publish);
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 });

describe("Mqtt5Reader", () => {
  it("reads what mqtt-packet writes, however it is split", () => {
    fc.assert(
      fc.property(fc.array(serverPacket, { maxLength: 6 }), sizes, (cases, sizes) => {
        const bytes = Buffer.concat(cases.map(({ packet }) => generate(packet, FIVE)));
        const expected = cases.flatMap(({ lines }) => lines);
        assert.deepEqual(told([bytes]), expected);
        assert.deepEqual(told(cut(bytes, sizes)), expected);
      }),
    );
  });

  it("says the same of packets with a wrong byte, however they are split", () => {
    const some = fc.array(serverPacket, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(some, fc.nat(), fc.nat(255), sizes, (cases, at, wrong, sizes) => {
        const bytes = Buffer.concat(cases.map(({ packet }) => generate(packet, FIVE)));
        bytes[at % Math.min(bytes.length, 60)] = wrong;
        assert.deepEqual(told(cut(bytes, sizes)), told([bytes]));
      }),
    );
  });

  it("takes the CONNACK of a broker that knows no MQTT 5", () => {
    const reader = new Mqtt5Reader(10);
    const bytes = Buffer.from("20020001", "hex");
    assert.equal(reader.read(bytes, 0, bytes.length), MqttEvent.CONNACK);
    assert.deepEqual([reader.isOldConnack, reader.returnCode], [true, 1]);
  });

  it("keeps the beginning of a long Reason String", () => {
    const reasonString = "x".repeat(REASON_BYTES_MAX + 20);
    const bytes = generate({ cmd: "disconnect", reasonCode: 0x97, properties: { reasonString } }, FIVE);
    assert.deepEqual(told([bytes]), [`DISCONNECT | reason=151 "${"x".repeat(REASON_BYTES_MAX)}"`]);
  });

  const refusals: [name: string, status: Status, hex: string][] = [
    ["a remaining length with padding", Status.MQTT_LENGTH, "d08000"],
    ["a remaining length of five bytes", Status.MQTT_LENGTH, "308080808001"],
    ["an AUTH with flags", Status.MQTT_FLAGS, "f100"],
    ["a SUBSCRIBE, which only a client sends", Status.MQTT_PACKET_TYPE, "8200"],
    ["a CONNACK without its properties' length", Status.MQTT_RETURN_CODE, "20020087"],
    ["a CONNACK with a reason code of success but 0", Status.MQTT_RETURN_CODE, "2003000100"],
    ["a session present although refused", Status.MQTT_FLAGS, "2003018700"],
    ["CONNACK flags but bit 0", Status.MQTT_FLAGS, "2003020000"],
    ["a CONNACK of one byte", Status.MQTT_LENGTH, "200100"],
    ["bytes behind a CONNACK's properties", Status.MQTT_LENGTH, "200400000001"],
    ["properties beyond their packet", Status.MQTT_LENGTH, "2003000001"],
    ["a properties' length with padding", Status.MQTT_LENGTH, "200400008000"],
    ["a properties' length of five bytes", Status.MQTT_LENGTH, "2009000080808080010000"],
    ["a properties' length that never ends", Status.MQTT_LENGTH, "2003000080"],
    ["an unknown property", Status.MQTT_PROPERTY, "200500000204ff"],
    ["a property of identifier 0x7f", Status.MQTT_PROPERTY, "20050000027f01"],
    ["a property in the wrong packet", Status.MQTT_PROPERTY, "40060001000121000f"],
    ["a property that is twice there", Status.MQTT_PROPERTY, "20090000062100012100 02".replace(" ", "")],
    ["a property cut off by the properties' end", Status.MQTT_PROPERTY, "20050000022100"],
    ["a Receive Maximum of 0", Status.MQTT_PROPERTY, "2006000003210000"],
    ["a Maximum Packet Size of 0", Status.MQTT_PROPERTY, "20080000052700000000"],
    ["a Maximum QoS of 2", Status.MQTT_PROPERTY, "20050000022402"],
    ["a flag of 2", Status.MQTT_PROPERTY, "20050000022502"],
    ["a Reason String that is no UTF-8", Status.MQTT_PROPERTY, "2007000004 1f0001ff".replace(" ", "")],
    ["a Reason String with U+0000", Status.MQTT_PROPERTY, "20070000041f000100"],
    ["a Reason String that ends within a character", Status.MQTT_PROPERTY, "20070000041f0001c3"],
    ["a topic alias, which we do not allow", Status.MQTT_PROPERTY, "300700017403230001"],
    ["a topic replaced by an alias", Status.MQTT_TOPIC, "30060000032300 01".replace(" ", "")],
    ["a subscription identifier of five bytes", Status.MQTT_PROPERTY, "300a000174060bffffffff01"],
    ["a subscription identifier 0", Status.MQTT_PROPERTY, "32130005746f70696304d2020b007061796c6f6164"],
    ["a subscription identifier with padding", Status.MQTT_PROPERTY, "3007000174030b8100"],
    ["a Response Topic with a plus", Status.MQTT_PROPERTY, "300a00017406080003612f2b"],
    ["a Response Topic with a hash", Status.MQTT_PROPERTY, "3008000174040800 0123".replace(" ", "")],
    ["a Response Topic of no length", Status.MQTT_PROPERTY, "300700017403080000"],
    ["an AUTH of one byte", Status.MQTT_LENGTH, "f00100"],
    ["an AUTH without a method", Status.MQTT_PROPERTY, "f0021800"],
    [
      "an AUTH that begins anew, which only a client does",
      Status.MQTT_RETURN_CODE,
      "f00219 00".replace(" ", ""),
    ],
    ["an identifier 0", Status.MQTT_PACKET_IDENTIFIER, "40020000"],
    ["a PUBACK of one byte", Status.MQTT_LENGTH, "400100"],
    ["a SUBACK without a reason code", Status.MQTT_LENGTH, "9003000100"],
    ["a SUBACK with two reason codes", Status.MQTT_LENGTH, "900500010001 01".replace(" ", "")],
    ["a PUBLISH without properties' length", Status.MQTT_LENGTH, "3003000174"],
  ];
  for (const [name, status, hex] of refusals) {
    it(`refuses ${name}`, () => {
      const bytes = Buffer.from(hex, "hex");
      const expected = told([bytes]);
      assert.match(expected[expected.length - 1] ?? "", new RegExp(`^REFUSED ${Status[status]} `));
      for (const windows of everySplit(bytes)) assert.deepEqual(told(windows), expected);
    });
  }
});
