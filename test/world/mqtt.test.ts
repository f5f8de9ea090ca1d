/** The world's broker in bytes, against a codec that is not ours. */
import assert from "node:assert/strict";
import { generate, type Packet, parser } from "mqtt-packet";
import * as mqtt from "../../host-sim/world/mqtt.js";

const parsed = (bytes: Uint8Array): Packet => {
  const packets: Packet[] = [];
  const reader = parser({ protocolVersion: 4 });
  reader.on("packet", (packet: Packet) => packets.push(packet));
  reader.on("error", (error: Error) => assert.fail(error.message));
  reader.parse(Buffer.from(bytes));
  assert.equal(packets.length, 1);
  return packets[0];
};

const found = (bytes: Uint8Array): mqtt.Packet => {
  const packet = new mqtt.Packet();
  assert.ok(packet.find(bytes, 0, bytes.length));
  assert.equal(packet.to, bytes.length);
  return packet;
};

describe("the world's broker", () => {
  it("reads what a CONNECT says, with a will and without", () => {
    for (const will of [
      undefined,
      { topic: "last", payload: Buffer.from("words"), qos: 1, retain: true } as const,
    ]) {
      const bytes = generate({
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 4,
        clean: false,
        keepalive: 300,
        clientId: "device_7",
        username: "user",
        password: Buffer.from("secret"),
        ...(will === undefined ? {} : { will }),
      });
      const packet = found(bytes);
      assert.equal(packet.type, mqtt.CONNECT);
      assert.deepEqual(mqtt.readConnect(bytes, packet.from), {
        level: 4,
        cleanSession: false,
        keepAliveS: 300,
        client: "device_7",
        user: "user",
        password: "secret",
      });
    }
  });

  it("reads a CONNECT without a name and a password", () => {
    const bytes = generate({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clean: true,
      keepalive: 0,
      clientId: "d",
    });
    const { user, password, cleanSession } = mqtt.readConnect(bytes, found(bytes).from);
    assert.deepEqual([user, password, cleanSession], ["", "", true]);
  });

  it("reads the filters of a SUBSCRIBE and the topic of a PUBLISH, whose length takes one to three bytes", () => {
    const subscribe = generate({
      cmd: "subscribe",
      messageId: 77,
      subscriptions: [
        { topic: "a/rpc/#", qos: 1 },
        { topic: "b", qos: 0 },
      ],
    });
    const packet = found(subscribe);
    assert.deepEqual(mqtt.readFilters(subscribe, packet.from, packet.to), ["a/rpc/#", "b"]);
    assert.equal(mqtt.u16At(subscribe, packet.from), 77);
    for (const size of [1, 300, 40_000]) {
      const publish = generate({
        cmd: "publish",
        topic: "t/ö",
        payload: Buffer.alloc(size),
        qos: 1,
        messageId: 9,
        dup: false,
        retain: false,
      });
      assert.equal(mqtt.topicAt(publish, found(publish).from), "t/ö");
    }
  });

  it("waits for a packet that is cut anywhere, and refuses a length of five bytes", () => {
    const bytes = generate({
      cmd: "publish",
      topic: "t",
      payload: Buffer.alloc(200),
      qos: 1,
      messageId: 9,
      dup: false,
      retain: false,
    });
    const packet = new mqtt.Packet();
    for (let length = 1; length < bytes.length; length++) assert.ok(!packet.find(bytes, 0, length));
    assert.throws(() => packet.find(new Uint8Array([0x30, 128, 128, 128, 128, 1]), 0, 6), /remaining length/);
  });

  it("lays out what it answers", () => {
    assert.deepEqual({ ...parsed(mqtt.connack(true, 0)) }.cmd, "connack");
    const connack = parsed(mqtt.connack(true, 5));
    assert.ok(connack.cmd === "connack" && connack.sessionPresent && connack.returnCode === 5);
    const suback = parsed(mqtt.suback(513, [1, 0x80]));
    assert.ok(suback.cmd === "suback" && suback.messageId === 513);
    assert.deepEqual(suback.granted, [1, 128]);
    for (const [bytes, cmd] of [
      [mqtt.puback(513), "puback"],
      [mqtt.unsuback(513), "unsuback"],
    ] as const) {
      const packet = parsed(bytes);
      assert.ok(packet.cmd === cmd && packet.messageId === 513);
    }
    assert.equal(parsed(mqtt.PINGRESP).cmd, "pingresp");
    for (const size of [0, 200, 30_000]) {
      const payload = Buffer.alloc(size, 7);
      const first = mqtt.publish("d/rpc", payload, 700);
      const packet = parsed(mqtt.again(first));
      const before = parsed(first);
      assert.ok(before.cmd === "publish" && !before.dup, "what is sent again is a copy");
      assert.ok(packet.cmd === "publish" && packet.dup && packet.qos === 1 && packet.messageId === 700);
      assert.deepEqual(packet.payload, payload);
    }
  });
});
