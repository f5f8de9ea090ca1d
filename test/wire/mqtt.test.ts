import assert from "node:assert/strict";
import fc from "fast-check";
import { generate, type Packet, parser } from "mqtt-packet";
import {
  ACK_BYTES,
  type ConnectFields,
  connectLength,
  DISCONNECT_BYTES,
  PacketType,
  PINGREQ_BYTES,
  publishHeaderLength,
  REMAINING_LENGTH_MAX,
  subscribeLength,
  unsubscribeLength,
  writeAck,
  writeConnect,
  writeDisconnect,
  writePingreq,
  writePublishHeader,
  writeSubscribe,
  writeUnsubscribe,
} from "../../firmware/wire/mqtt/mqtt.js";
import { eventsOf } from "./mqtt-events.js";
import { bytesFrom, everySplit, readTranscripts } from "./transcript.js";

/** What a writer puts into a buffer that is exactly as long as its companion said. */
function written(length: number, write: (out: Uint8Array) => number): Buffer {
  const out = Buffer.alloc(length);
  assert.equal(write(out), length, "the companion said the length");
  return out;
}

/** The packet that mqtt-packet reads from our bytes; exactly one. */
function parsed(bytes: Buffer): Packet {
  const packets: Packet[] = [];
  const reader = parser({ protocolVersion: 4 });
  reader.on("packet", (packet: Packet) => packets.push(packet));
  reader.on("error", (error: Error) => assert.fail(error));
  assert.equal(reader.parse(bytes), 0, "no byte left over");
  assert.equal(packets.length, 1);
  return packets[0];
}

const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const packetIdentifier = fc.integer({ min: 1, max: 65535 });
const name = fc
  .string({ unit: "binary", minLength: 1, maxLength: 200, size: "max" })
  .filter((text) => !/[\0+#]/.test(text));
const bytes = fc.uint8Array({ maxLength: 200, size: "max" });
const ackType = fc.constantFrom(PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP);

const AT_QOS_0 = { packetIdentifier: 0, qos: 0, dup: false };

describe("MQTT writers", () => {
  it("write a CONNECT that mqtt-packet reads back", () => {
    const keepAlive = fc.integer({ min: 0, max: 65535 });
    const login = fc.option(fc.record({ userName: name, password: fc.option(bytes) }));
    fc.assert(
      fc.property(
        name,
        login,
        keepAlive,
        fc.boolean(),
        (clientId, credentials, keepAliveSeconds, cleanSession) => {
          const password = credentials?.password ?? null;
          const fields: ConnectFields = {
            clientId: Buffer.from(clientId),
            userName: credentials === null ? null : Buffer.from(credentials.userName),
            // Longer than what counts: a caller's buffer has room for the longest proof.
            password: password === null ? null : Buffer.concat([password, Buffer.from("not sent")]),
            passwordLength: password === null ? 0 : password.length,
            keepAliveSeconds,
            cleanSession,
          };
          const packet = parsed(written(connectLength(fields), (out) => writeConnect(out, 0, fields)));
          assert.ok(packet.cmd === "connect");
          assert.equal(packet.protocolId, "MQTT");
          assert.equal(packet.protocolVersion, 4);
          assert.equal(packet.clientId, clientId);
          assert.equal(packet.username, credentials?.userName);
          assert.deepEqual(packet.password, password === null ? undefined : Buffer.from(password));
          assert.equal(packet.keepalive, keepAliveSeconds);
          assert.equal(packet.clean, cleanSession);
          assert.equal(packet.will, undefined);
        },
      ),
    );
  });

  it("refuse a password without a user name, which MQTT 3.1.1 cannot say", () => {
    const fields = {
      clientId: Buffer.from("device_1"),
      userName: null,
      password: Buffer.from("proof"),
      passwordLength: 5,
      keepAliveSeconds: 60,
      cleanSession: true,
    };
    assert.throws(() => writeConnect(new Uint8Array(100), 0, fields), /set userName/);
  });

  it("write the head of a PUBLISH that mqtt-packet reads back", () => {
    fc.assert(
      fc.property(
        name,
        qos,
        fc.boolean(),
        packetIdentifier,
        bytes,
        (text, qos, again, messageId, payload) => {
          const topic = Buffer.from(text);
          const dup = again && qos > 0;
          const head = written(publishHeaderLength(topic.length, qos, payload.length), (out) =>
            writePublishHeader(out, 0, {
              topic,
              topicLength: topic.length,
              packetIdentifier: messageId,
              qos,
              dup,
              payloadLength: payload.length,
            }),
          );
          const packet = parsed(Buffer.concat([head, payload]));
          assert.ok(packet.cmd === "publish");
          assert.equal(packet.topic, text);
          assert.deepEqual([packet.qos, packet.dup, packet.retain], [qos, dup, false]);
          assert.equal(packet.messageId, qos > 0 ? messageId : undefined);
          assert.deepEqual(packet.payload, Buffer.from(payload));
        },
      ),
    );
  });

  const lengths = [
    [127, "7f"],
    [128, "8001"],
    [16383, "ff7f"],
    [16384, "808001"],
    [2097151, "ffff7f"],
    [2097152, "80808001"],
    [REMAINING_LENGTH_MAX, "ffffff7f"],
  ] as const;
  for (const [length, hex] of lengths) {
    it(`write the remaining length ${length} as ${hex}`, () => {
      const payloadLength = length - 3;
      const head = written(publishHeaderLength(1, 0, payloadLength), (out) =>
        writePublishHeader(out, 0, { ...AT_QOS_0, topic: Buffer.from("t"), topicLength: 1, payloadLength }),
      );
      assert.equal(head.toString("hex"), `30${hex}000174`);
    });
  }

  it("write SUBSCRIBE and UNSUBSCRIBE that mqtt-packet reads back", () => {
    fc.assert(
      fc.property(name, qos, packetIdentifier, (text, qos, messageId) => {
        const filter = Buffer.from(`${text}/#`);
        const subscribe = parsed(
          written(subscribeLength(filter.length), (out) => writeSubscribe(out, 0, messageId, filter, qos)),
        );
        assert.ok(subscribe.cmd === "subscribe");
        assert.equal(subscribe.messageId, messageId);
        assert.deepEqual(subscribe.subscriptions, [{ topic: `${text}/#`, qos }]);
        const unsubscribe = parsed(
          written(unsubscribeLength(filter.length), (out) => writeUnsubscribe(out, 0, messageId, filter)),
        );
        assert.ok(unsubscribe.cmd === "unsubscribe");
        assert.equal(unsubscribe.messageId, messageId);
        assert.deepEqual(unsubscribe.unsubscriptions, [`${text}/#`]);
      }),
    );
  });

  it("write acknowledgements, PINGREQ and DISCONNECT as mqtt-packet does", () => {
    fc.assert(
      fc.property(ackType, packetIdentifier, (type, messageId) => {
        const cmd = PacketType[type].toLowerCase();
        const expected = generate({ cmd, messageId } as Packet, { protocolVersion: 4 });
        assert.deepEqual(
          written(ACK_BYTES, (out) => writeAck(out, 0, type, messageId)),
          expected,
        );
      }),
    );
    assert.deepEqual(
      written(PINGREQ_BYTES, (out) => writePingreq(out, 0)),
      generate({ cmd: "pingreq" }),
    );
    assert.deepEqual(
      written(DISCONNECT_BYTES, (out) => writeDisconnect(out, 0)),
      generate({ cmd: "disconnect" }, { protocolVersion: 4 }),
    );
  });

  it("write behind what is there already, and touch nothing else", () => {
    const out = new Uint8Array(12).fill(0xee);
    assert.equal(writeAck(out, 3, PacketType.PUBREL, 0x1234), 7);
    assert.deepEqual([...out], [...Array(3).fill(0xee), 0x62, 2, 0x12, 0x34, ...Array(5).fill(0xee)]);
  });
});

/** What our client says in a transcript, by its title. */
const said: Record<string, (out: Uint8Array) => number> = {
  "A token is asked for in one round trip": (out) => {
    const id = Buffer.from("device_1");
    let at = writeConnect(out, 0, {
      clientId: id,
      userName: id,
      password: Buffer.from("proof"),
      passwordLength: 5,
      keepAliveSeconds: 60,
      cleanSession: true,
    });
    at = writeSubscribe(out, at, 1, Buffer.from("device_1/rpc/#"), 1);
    at = writePublishHeader(out, at, {
      topic: Buffer.from("cloud/from/device_1/rpc"),
      topicLength: 23,
      packetIdentifier: 2,
      qos: 1,
      dup: false,
      payloadLength: 14,
    });
    out.set(Buffer.from('{"v":2,"id":1}'), at);
    return writeAck(out, at + 14, PacketType.PUBACK, 7);
  },
  "A message of QoS 2 and a quiet line": (out) => {
    let at = writeAck(out, 0, PacketType.PUBREC, 0x1234);
    at = writeAck(out, at, PacketType.PUBCOMP, 0x1234);
    return writeDisconnect(out, writePingreq(out, at));
  },
  "A subscription is refused, then given up": (out) =>
    writeUnsubscribe(out, 0, 11, Buffer.from("device_1/rpc/#")),
};

describe("MQTT transcripts", () => {
  for (const transcript of readTranscripts(new URL("mqtt.md", import.meta.url))) {
    it(transcript.title, () => {
      for (const windows of everySplit(bytesFrom("server", transcript))) {
        assert.deepEqual(eventsOf(windows), transcript.events);
      }
      const out = Buffer.alloc(300);
      const length = said[transcript.title]?.(out) ?? 0;
      assert.deepEqual(out.subarray(0, length), bytesFrom("client", transcript));
    });
  }
});
