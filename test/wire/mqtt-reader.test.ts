import assert from "node:assert/strict";
import fc from "fast-check";
import { generate, type Packet } from "mqtt-packet";
import { Status } from "../../firmware/status.js";
import { REMAINING_LENGTH_MAX } from "../../firmware/wire/mqtt/mqtt.js";
import { MqttEvent, MqttReader } from "../../firmware/wire/mqtt/reader.js";
import { eventsOf } from "./mqtt-events.js";
import { cut, everySplit } from "./transcript.js";

type Refusal = [name: string, status: Status, bytes: Uint8Array];

function refusal(name: string, status: Status, hex: string): Refusal {
  return [name, status, Buffer.from(hex, "hex")];
}

/** A PUBLISH whose topic is these bytes, and what follows the topic. */
function publishRefusal(name: string, status: Status, first: number, topicHex: string, rest = ""): Refusal {
  const topic = Buffer.from(topicHex, "hex");
  const behind = Buffer.from(rest, "hex");
  const head = [first, 2 + topic.length + behind.length, 0, topic.length];
  return [name, status, Buffer.concat([Buffer.from(head), topic, behind])];
}

function message(topic: string, payload: Buffer | string, qos: 0 | 1): Buffer {
  return generate({ cmd: "publish", topic, payload, qos, dup: false, retain: false, messageId: 9 });
}

const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const packetIdentifier = fc.integer({ min: 1, max: 65535 });
const topicText = fc
  .string({ unit: "binary", minLength: 1, maxLength: 200, size: "max" })
  .map((topic) => topic.replace(/[\0+#]/g, "/"));
const payloadBytes = fc.uint8Array({ maxLength: 300, size: "max" }).map((bytes) => Buffer.from(bytes));

/** A packet for mqtt-packet to write, and the lines that our reader must make of it. */
interface Told {
  packet: Packet;
  lines: string[];
}

const serverPacket = fc.oneof<fc.Arbitrary<Told>[]>(
  fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 5 })).map(([present, code]) => ({
    packet: { cmd: "connack" as const, sessionPresent: present && code === 0, returnCode: code },
    lines: [`CONNACK sessionPresent=${present && code === 0} returnCode=${code}`],
  })),
  fc
    .tuple(fc.constantFrom("puback", "pubrec", "pubrel", "pubcomp", "unsuback"), packetIdentifier)
    .map(([cmd, id]) => ({
      packet: { cmd, messageId: id } as Packet,
      lines: [`${cmd.toUpperCase()} packetIdentifier=${id}`],
    })),
  fc.tuple(packetIdentifier, fc.constantFrom(0, 1, 2, 128)).map(([id, code]) => ({
    packet: { cmd: "suback" as const, messageId: id, granted: [code] },
    lines: [`SUBACK packetIdentifier=${id} returnCode=${code}`],
  })),
  fc.constant<Told>({ packet: { cmd: "pingresp" }, lines: ["PINGRESP"] }),
  fc
    .tuple(topicText, qos, fc.boolean(), fc.boolean(), packetIdentifier, payloadBytes)
    .map(([topic, qos, again, retain, messageId, payload]) => {
      const dup = again && qos > 0;
      const flags = `${dup ? " dup" : ""}${retain ? " retain" : ""}`;
      const id = qos > 0 ? ` packetIdentifier=${messageId}` : "";
      return {
        packet: { cmd: "publish" as const, topic, qos, dup, retain, messageId, payload },
        lines: [
          `PUBLISH ${topic} qos=${qos}${flags}${id} payload=${payload.length}`,
          ...(payload.length > 0 ? [`PAYLOAD ${payload.toString("latin1")}`] : []),
          "MESSAGE",
        ],
      };
    }),
);

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50, size: "max" });

describe("MqttReader", () => {
  it("reads what mqtt-packet writes, however it is split", () => {
    fc.assert(
      fc.property(fc.array(serverPacket, { maxLength: 8 }), sizes, (told, sizes) => {
        const bytes = Buffer.concat(told.map(({ packet }) => generate(packet)));
        const expected = told.flatMap(({ lines }) => lines);
        assert.deepEqual(eventsOf([bytes]), expected);
        assert.deepEqual(eventsOf(cut(bytes, sizes)), expected);
      }),
    );
  });

  it("says the same of packets with a wrong byte, however they are split", () => {
    const told = fc.array(serverPacket, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(told, fc.nat(), fc.nat(255), sizes, (told, at, wrong, sizes) => {
        const bytes = Buffer.concat(told.map(({ packet }) => generate(packet)));
        bytes[at % Math.min(bytes.length, 40)] = wrong;
        assert.deepEqual(eventsOf(cut(bytes, sizes)), eventsOf([bytes]));
      }),
    );
  });

  const refusals: Refusal[] = [
    ...["00", "f0"].map((first) => refusal(`reserved type ${first}`, Status.MQTT_PACKET_TYPE, `${first}00`)),
    ...["10", "82", "a2", "c0", "e0"].map((first) =>
      refusal(`type ${first}, which only a client sends`, Status.MQTT_PACKET_TYPE, `${first}00`),
    ),
    ...["21", "42", "58", "60", "63", "71", "92", "b2", "d1"].map((first) =>
      refusal(`flags of ${first}`, Status.MQTT_FLAGS, `${first}020001`),
    ),
    refusal("QoS 3", Status.MQTT_QOS, "36060001740001ff"),
    refusal("QoS 3 with DUP", Status.MQTT_QOS, "3e060001740001ff"),
    refusal("DUP with QoS 0", Status.MQTT_FLAGS, "3803000174"),
    refusal("a remaining length of five bytes", Status.MQTT_LENGTH, "308080808001"),
    refusal("a remaining length of four bytes that go on", Status.MQTT_LENGTH, "30ffffffff"),
    ...["2000", "2001", "2003", "4003", "5000", "6201", "7004", "9002", "9004", "b003", "d001"].map((head) =>
      refusal(`a length that does not fit its packet: ${head}`, Status.MQTT_LENGTH, `${head}000100000000`),
    ),
    refusal("a PUBLISH too short for a topic", Status.MQTT_LENGTH, "3001ff"),
    refusal("a PUBLISH of QoS 1 too short for an identifier", Status.MQTT_LENGTH, "3203000174"),
    refusal("a topic beyond its packet", Status.MQTT_LENGTH, "300300027474"),
    refusal("a topic that leaves no room for the identifier", Status.MQTT_LENGTH, "32050002747401"),
    refusal("CONNACK flags but bit 0", Status.MQTT_FLAGS, "20020200"),
    refusal("CONNACK return code 6", Status.MQTT_RETURN_CODE, "20020006"),
    refusal("a session present although refused", Status.MQTT_FLAGS, "20020101"),
    ...["4002", "5002", "6202", "7002", "b002", "9003"].map((head) =>
      refusal(`identifier 0 in ${head}`, Status.MQTT_PACKET_IDENTIFIER, `${head}000000`),
    ),
    publishRefusal("identifier 0 in PUBLISH", Status.MQTT_PACKET_IDENTIFIER, 0x32, "74", "0000"),
    publishRefusal("an empty topic", Status.MQTT_TOPIC, 0x30, ""),
    publishRefusal("an empty topic at QoS 2", Status.MQTT_TOPIC, 0x34, "", "0001"),
    publishRefusal("the wildcard + in a topic", Status.MQTT_TOPIC, 0x30, "612f2b"),
    publishRefusal("the wildcard # in a topic", Status.MQTT_TOPIC, 0x30, "612f23"),
    publishRefusal("U+0000 in a topic", Status.MQTT_TOPIC, 0x30, "610062"),
    ...[
      "80",
      "c080",
      "c1bf",
      "e08080",
      "eda080",
      "f0808080",
      "f4908080",
      "f5808080",
      "ff",
      "c3",
      "e282",
      "c341a9",
    ].map((bad) =>
      publishRefusal(`invalid UTF-8 ${bad} in a topic`, Status.MQTT_TOPIC, 0x30, `61${bad}`, "78"),
    ),
    refusal("SUBACK return code 3", Status.MQTT_RETURN_CODE, "9003000103"),
    refusal("SUBACK return code 0x81", Status.MQTT_RETURN_CODE, "9003000181"),
  ];

  for (const [name, status, bytes] of refusals) {
    it(`refuses ${name} with ${Status[status]}`, () => {
      const expected = eventsOf([bytes]);
      assert.match(expected.join(), new RegExp(`^REFUSED ${Status[status]} at \\d+$`));
      for (const windows of everySplit(bytes)) assert.deepEqual(eventsOf(windows), expected);
    });
  }

  it("stays refused until reset", () => {
    const reader = new MqttReader(8);
    const pingresp = Buffer.from("d000", "hex");
    assert.equal(reader.read(Buffer.from("0000", "hex"), 0, 2), MqttEvent.REFUSED);
    assert.equal(reader.read(pingresp, 0, 2), MqttEvent.REFUSED);
    assert.equal(reader.at, 0);
    assert.equal(reader.status, Status.MQTT_PACKET_TYPE);
    reader.reset();
    assert.equal(reader.status, Status.OK);
    assert.equal(reader.read(pingresp, 0, 2), MqttEvent.PINGRESP);
  });

  it("begins anew after reset wherever the old connection ended", () => {
    const bytes = message("é/t", "hello", 1);
    const reader = new MqttReader(100);
    for (let end = 0; end <= bytes.length; end++) {
      eventsOf([bytes.subarray(0, end)], reader);
      reader.reset();
      assert.deepEqual(eventsOf([bytes], reader), eventsOf([bytes]), `ended at ${end}`);
      reader.reset();
    }
  });

  it("keeps the head of a topic that is longer than its room, and validates the rest", () => {
    for (const windows of everySplit(message("abcdé", "", 0))) {
      const reader = new MqttReader(4);
      eventsOf(windows, reader);
      assert.equal(reader.topicLength, 6);
      assert.equal(Buffer.from(reader.topic).toString(), "abcd");
    }
    const bad = message("abcdef", "x", 0);
    bad[9] = 0x23;
    assert.deepEqual(eventsOf([bad], new MqttReader(4)), ["REFUSED MQTT_TOPIC at 9"]);
  });

  it("accepts a remaining length padded with zeros, which only MQTT 5 forbids", () => {
    assert.deepEqual(eventsOf([Buffer.from("d0808000", "hex")]), ["PINGRESP"]);
  });

  it("needs room for a topic", () => {
    for (const bytes of [0, -1, 65536, Number.NaN])
      assert.throws(() => new MqttReader(bytes), /topicBytesMax/);
  });

  it("streams the longest message there is through a 64 KiB window", () => {
    const reader = new MqttReader(8);
    const payloadLength = REMAINING_LENGTH_MAX - 3;
    const head = Buffer.from("30ffffff7f000174", "hex");
    assert.equal(reader.read(head, 0, head.length), MqttEvent.PUBLISH);
    assert.equal(reader.payloadLeft, payloadLength);
    const window = Buffer.alloc(65536);
    let got = 0;
    while (reader.payloadLeft > 0) {
      assert.equal(reader.read(window, 0, window.length), MqttEvent.PAYLOAD);
      got += reader.payloadTo - reader.payloadFrom;
      assert.equal(reader.payloadLeft, payloadLength - got);
    }
    assert.equal(got, payloadLength);
    assert.equal(reader.read(window, reader.at, reader.at), MqttEvent.MESSAGE);
  });

  it("streams a message through a 16-byte window that is used again and again", () => {
    const payload = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) & 255));
    const bytes = message("device_1/rpc", payload, 1);
    const reader = new MqttReader(32);
    const window = Buffer.alloc(16);
    const got: number[] = [];
    let last = MqttEvent.MORE;
    for (let at = 0; at < bytes.length; at += 16) {
      const to = bytes.copy(window, 0, at);
      let from = 0;
      for (
        let event = reader.read(window, from, to);
        event !== MqttEvent.MORE;
        event = reader.read(window, from, to)
      ) {
        from = reader.at;
        last = event;
        if (event === MqttEvent.PAYLOAD) got.push(...window.subarray(reader.payloadFrom, reader.payloadTo));
      }
    }
    assert.equal(last, MqttEvent.MESSAGE);
    assert.deepEqual(Buffer.from(got), payload);
  });
});
