/** A broker that breaks MQTT: each way ends the connection with its own status, and the next one is made. */

import assert from "node:assert/strict";
import { State } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { APP, World } from "./world.js";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Sends bytes on a ready connection (or in place of CONNACK) and tells the status that ended it. */
const endedBy = (bytes: Buffer, inPlaceOf?: string): string => {
  const world = new World();
  if (inPlaceOf === undefined) {
    world.ready();
    world.peer.sendBytes(bytes);
  } else {
    world.peer.intercept = ({ cmd }) => {
      if (cmd === inPlaceOf) world.peer.sendBytes(bytes);
      return cmd === inPlaceOf;
    };
  }
  world.until(() => world.states.includes(State.WAITING) || world.states.length > 4);
  const { name } = explain(world.client);
  world.peer.intercept = () => false;
  world.until(() => world.client.state === State.READY);
  assert.equal(world.soon(APP).name, "OK", "and the next one serves");
  return name;
};

describe("a broker's mistake ends the connection", () => {
  const onReady: [string, string, string][] = [
    ["a second CONNACK", "20 02 00 00", "MQTT_UNEXPECTED"],
    ["a second SUBACK", "90 03 00 01 01", "MQTT_UNEXPECTED"],
    ["a client's packet, CONNECT", "10 02 00 00", "MQTT_PACKET_TYPE"],
    ["a client's packet, PINGREQ", "c0 00", "MQTT_PACKET_TYPE"],
    ["a client's packet, DISCONNECT", "e0 00", "MQTT_PACKET_TYPE"],
    ["the reserved packet type 0", "00 00", "MQTT_PACKET_TYPE"],
    ["the reserved packet type 15", "f0 00", "MQTT_PACKET_TYPE"],
    ["PINGRESP with flags", "d1 00", "MQTT_FLAGS"],
    ["PINGRESP with a body", "d0 01 00", "MQTT_LENGTH"],
    ["a remaining length of five bytes", "30 ff ff ff ff 01", "MQTT_LENGTH"],
    ["PUBACK with packet identifier 0", "40 02 00 00", "MQTT_PACKET_IDENTIFIER"],
    ["PUBLISH with QoS 3", "36 05 00 01 61 00 01", "MQTT_QOS"],
    ["PUBLISH with QoS 2, which was not granted", "34 05 00 01 61 00 01", "MQTT_QOS"],
    ["PUBLISH with packet identifier 0", "32 05 00 01 61 00 00", "MQTT_PACKET_IDENTIFIER"],
    ["PUBLISH to a topic with a wildcard", "30 03 00 01 23", "MQTT_TOPIC"],
    ["PUBLISH whose topic is longer than the packet", "30 03 00 05 61", "MQTT_LENGTH"],
  ];
  for (const [what, bytes, status] of onReady) {
    it(`${what}: ${status}`, () => assert.equal(endedBy(hex(bytes)), status));
  }

  const inPlaceOfConnack: [string, string, string][] = [
    ["SUBACK before CONNACK", "90 03 00 01 01", "MQTT_UNEXPECTED"],
    ["PUBLISH before CONNACK", "30 03 00 01 61", "MQTT_UNEXPECTED"],
    ["PINGRESP before CONNACK", "d0 00", "MQTT_UNEXPECTED"],
    ["CONNACK with an unknown return code", "20 02 00 06", "MQTT_RETURN_CODE"],
    ["CONNACK with reserved flags", "20 02 02 00", "MQTT_FLAGS"],
    ["CONNACK that is too long", "20 03 00 00 00", "MQTT_LENGTH"],
    ["CONNACK that claims a session though we asked for a clean one", "20 02 01 00", "MQTT_UNEXPECTED"],
    ["an HTTP server's answer", "48 54 54 50 2f 31 2e 31", "MQTT_FLAGS"],
  ];
  for (const [what, bytes, status] of inPlaceOfConnack) {
    it(`${what}: ${status}`, () => assert.equal(endedBy(hex(bytes), "connect"), status));
  }

  const inPlaceOfSuback: [string, string, string][] = [
    ["SUBACK for another packet", "90 03 00 63 01", "MQTT_UNEXPECTED"],
    ["SUBACK with an unknown return code", "90 03 00 01 03", "MQTT_RETURN_CODE"],
  ];
  for (const [what, bytes, status] of inPlaceOfSuback) {
    it(`${what}: ${status}`, () => assert.equal(endedBy(hex(bytes), "subscribe"), status));
  }
});

describe("what a broker may do", () => {
  it("grant the subscription at QoS 0 only, or at 2", () => {
    for (const granted of [0, 2] as const) {
      const world = new World();
      world.peer.granted = granted;
      assert.equal(world.soon().name, "OK");
    }
  });

  it("publish at QoS 0, which is not acknowledged, and at QoS 1, which is", () => {
    const world = new World().ready();
    world.advance(100);
    const before = world.peer.packets.length;
    world.peer.publish('{"id":1}', "device_123/rpc", 0);
    world.advance(100);
    assert.equal(world.peer.packets.length, before);
    world.peer.publish('{"id":1}', "device_123/rpc", 1);
    world.advance(100);
    assert.deepEqual(
      world.peer.packets.slice(before).map(({ cmd }) => cmd),
      ["puback"],
    );
  });

  it("leave out PUBACK, or send one for a packet that nobody sent", () => {
    const world = new World();
    world.peer.intercept = (packet) => {
      if (packet.cmd !== "publish") return false;
      const request = world.peer.requests[world.peer.requests.length - 1];
      world.peer.send({ cmd: "puback", messageId: 60_000 });
      world.peer.reply(request, world.service.answer(request));
      return true;
    };
    assert.equal(world.soon().name, "OK");
    assert.equal(world.client.counters.losses, 0);
  });

  it("deliver the answer before its PUBACK", () => {
    const world = new World();
    world.peer.intercept = (packet) => {
      if (packet.cmd !== "publish") return false;
      const request = world.peer.requests[world.peer.requests.length - 1];
      world.peer.reply(request, world.service.answer(request));
      world.peer.send({ cmd: "puback", messageId: packet.messageId as number });
      return true;
    };
    assert.equal(world.soon().name, "OK");
    assert.equal(world.client.counters.losses, 0);
  });

  it("deliver messages for other topics, empty ones, and ones longer than all our memory: they are skipped", () => {
    const world = new World().ready();
    world.peer.publish("{}", "somebody/else", 1);
    world.peer.publish("{}", "device_123/rp", 1);
    world.peer.publish("{}", "device_123/rpcx", 1);
    world.peer.publish("{}", "x".repeat(60_000), 1);
    world.peer.publish("", "device_123/rpc", 1);
    world.peer.publish(`{"x":"${"y".repeat(1_000_000)}"}`, "somebody/else", 1);
    const outcome = world.soon();
    assert.equal(outcome.name, "OK");
    assert.equal(world.client.counters.foreign, 5);
    assert.equal(world.client.counters.malformed, 1);
    assert.equal(world.client.counters.losses, 0);
    assert.equal(world.peer.packets.filter(({ cmd }) => cmd === "puback").length, 8);
  });
});
