/** A broker of MQTT 5: what it says that it takes, beyond which nothing is sent (3.2.2.3, 4.9), and what it must not say. */

import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { generate, type IConnackPacket, type Packet } from "mqtt-packet";
import { WebSocketServer } from "ws";
import { cbor } from "../../firmware/cbor.js";
import { State, Status } from "../../firmware/index.js";
import { Messages } from "../../firmware/messages.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { mqttOverWebSocket } from "../../firmware/websocket.js";
import { explain } from "../../host-sim/explain.js";
import { Device, type DeviceOptions } from "./device.js";
import { FakeBroker } from "./fake-broker.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const HOST = "app.example.com";
const SLOW = { backoffBaseMs: 60_000, backoffCapMs: 60_000 };

describe("a broker of MQTT 5", () => {
  let fake: FakeBroker;
  let device: Device;

  afterEach(() => {
    device.close();
    fake.close();
  });

  /** A device on a broker that grants this, and sends `more` behind its SUBACK. */
  async function start(
    properties: IConnackPacket["properties"],
    options: DeviceOptions = {},
    more?: Buffer<ArrayBuffer>,
  ): Promise<void> {
    const connack: Packet = {
      cmd: "connack",
      reasonCode: 0,
      sessionPresent: false,
      properties: { ...properties },
    };
    fake = await FakeBroker.start([connack, { cmd: "suback", messageId: 1, granted: [1] }], more);
    const cloud = { pipeline: false, ...options.cloud };
    device = new Device(fake.port, DEVICE, { transport: mqtt5, ...options, cloud });
  }

  const published = (): number => fake.commands.filter((cmd) => cmd === "publish").length;

  const publish = (messages: Messages, length: number, qos: 0 | 1): Promise<string> =>
    new Promise((resolve) => {
      const topic = messages.topic("app/x");
      messages.publish(topic, Buffer.alloc(length), qos, (status) => resolve(Status[status]));
    });

  /** Waits for the end of the connection, and for what the broker is told of it, if anything. */
  async function assertLeft(status: string, reasonCode: number): Promise<void> {
    await device.reaches(State.CONNECTING);
    await device.reaches(State.WAITING);
    assert.equal(explain(device.auth).name, status);
    if (reasonCode !== 0) await fake.told("disconnect", 1);
    else await fake.ended();
    assert.deepEqual(fake.reasonCodes, reasonCode === 0 ? [] : [reasonCode]);
  }

  const refused: [name: string, properties: object, status: string, reasonCode: number][] = [
    ["no QoS 1", { maximumQoS: 0 }, "MQTT_QOS", 0x83],
    ["another client id", { assignedClientIdentifier: "x" }, "CLIENT_ID_REFUSED", 0x82],
    ["what nobody asked for by AUTH", { authenticationMethod: "M" }, "MQTT_UNEXPECTED", 0x82],
  ];
  for (const [name, properties, status, reasonCode] of refused) {
    it(`that grants ${name} is left with ${status}`, async () => {
      await start(properties, { limits: SLOW });
      await assertLeft(status, reasonCode);
    });
  }

  describe("is sent no more than its Receive Maximum of 1", () => {
    it("by a second request, before the first is acknowledged", async () => {
      await start({ receiveMaximum: 1 }, { limits: { callAttemptMs: 2_000 } });
      void device.getToken(HOST);
      await fake.told("publish", 1);
      assert.equal(published(), 1);
      fake.acknowledge();
      await fake.told("publish", 2);
    });

    it("by a request that is repeated, or by the next one when that ended", async () => {
      await start({ receiveMaximum: 1 }, { limits: { callAttemptMs: 50, callDeadlineMs: 400 } });
      assert.equal((await device.getToken(HOST)).status, "TIMEOUT");
      assert.equal((await device.getToken(HOST)).status, "TIMEOUT");
      assert.equal(published(), 1);
      const again = device.getToken(HOST);
      fake.acknowledge();
      await fake.told("publish", 2);
      assert.equal((await again).status, "TIMEOUT");
    });
  });

  for (const [receiveMaximum, beside] of [
    [1, 0],
    [2, 0],
    [3, 1],
  ] as const) {
    it(`whose Receive Maximum is ${receiveMaximum} gets ${beside} of the app's messages beside a call`, async () => {
      const messages = new Messages({ deadlineMs: 400 });
      // No Hello is sent in this dialect: the call is all that waits.
      const cloud = { dialect: "mg-rpc", address: "cloud" } as const;
      await start(
        { receiveMaximum },
        { proof: "counter", cloud, limits: { callAttemptMs: 2_000 }, messages },
      );
      await device.reaches(State.READY);
      void device.getToken(HOST);
      await fake.told("publish", 1);
      assert.equal(await publish(messages, 1, 1), "TIMEOUT");
      assert.equal(published(), 1 + beside);
    });
  }

  it("is told how many messages an app's device can owe acknowledgements for", async () => {
    await start({}, { messages: new Messages() });
    await fake.connected(1);
    assert.equal(fake.connects[0]?.properties?.receiveMaximum, 32);
  });

  it("is sent no request that is longer than its Maximum Packet Size", async () => {
    await start({ maximumPacketSize: 100 });
    assert.equal((await device.getToken(HOST)).status, "TOO_LONG");
  });

  it("is sent no app's message that is longer than its Maximum Packet Size", async () => {
    const messages = new Messages();
    await start({ maximumPacketSize: 400 }, { messages });
    await device.reaches(State.READY);
    // PUBLISH at QoS 0: 3 bytes of fixed header, 7 of topic, 1 of properties.
    assert.equal(await publish(messages, 390, 0), "TOO_LONG");
    assert.equal(await publish(messages, 389, 0), "OK");
    assert.equal(device.auth.counters.losses, 0);
  });

  const packet = (of: Packet): Buffer<ArrayBuffer> => Buffer.from(generate(of, { protocolVersion: 5 }));
  const message = {
    cmd: "publish",
    topic: "device_123/rpc",
    payload: "{}",
    qos: 0,
    dup: false,
    retain: false,
  } as const;
  // biome-ignore format: a table
  const wrong: [what: string, bytes: Buffer<ArrayBuffer>, status: string, reasonCode: number][] = [
    ["says CONNACK again", packet({ cmd: "connack", reasonCode: 0, sessionPresent: false }), "MQTT_UNEXPECTED", 0x82],
    ["says SUBACK again", packet({ cmd: "suback", messageId: 1, granted: [1] }), "MQTT_UNEXPECTED", 0x82],
    ["wants proof of who has given it", Buffer.from("f000", "hex"), "MQTT_UNEXPECTED", 0x82],
    ["begins an AUTH that says nothing", Buffer.from("f00100", "hex"), "MQTT_LENGTH", 0x81],
    ["publishes at QoS 2", packet({ ...message, qos: 2, messageId: 7 }), "MQTT_QOS", 0x82],
    ["publishes at QoS 3", Buffer.from("3605000161000100", "hex"), "MQTT_QOS", 0x81],
    ["uses a topic alias that nobody allowed", packet({ ...message, properties: { topicAlias: 1 } }), "MQTT_PROPERTY", 0x94],
    ["names an unknown property", Buffer.from("300600017402 04ff".replace(" ", ""), "hex"), "MQTT_PROPERTY", 0x81],
    ["names a property twice", Buffer.from("300800017404010001 00".replace(" ", ""), "hex"), "MQTT_PROPERTY", 0x82],
    ["has a subscription of number 0", Buffer.from("32130005746f70696304d2020b007061796c6f6164", "hex"), "MQTT_PROPERTY", 0x82],
    ["pads a subscription's number", Buffer.from("3007000174030b8100", "hex"), "MQTT_PROPERTY", 0x81],
    ["wants answers under a wildcard", Buffer.from("300a00017406080003612f2b", "hex"), "MQTT_PROPERTY", 0x82],
    ["publishes under no topic", Buffer.from("3003000000", "hex"), "MQTT_TOPIC", 0x82],
    ["publishes under a wildcard", packet({ ...message, topic: "device_123/rpc" }).fill(0x2b, 4, 5), "MQTT_TOPIC", 0x81],
    ["publishes with identifier 0", Buffer.from("320600017400000 0".replace(" ", ""), "hex"), "MQTT_PACKET_IDENTIFIER", 0x82],
    ["acknowledges for a reason that there is not", Buffer.from("4003000111", "hex"), "MQTT_RETURN_CODE", 0x82],
    ["acknowledges in two steps what has one", packet({ cmd: "pubrec", messageId: 1 }), "MQTT_UNEXPECTED", 0x82],
    ["sets flags that are reserved", Buffer.from("d100", "hex"), "MQTT_FLAGS", 0x81],
    ["has a length of five bytes", Buffer.from("308080808001", "hex"), "MQTT_LENGTH", 0x81],
    ["pings", Buffer.from("c000", "hex"), "MQTT_PACKET_TYPE", 0x82],
    ["subscribes to us", Buffer.from("8206000100000161", "hex"), "MQTT_PACKET_TYPE", 0x82],
    ["goes, and is not there for long", packet({ cmd: "disconnect", reasonCode: 0x8b }), "SERVER_UNAVAILABLE", 0],
  ];
  for (const [what, bytes, status, reasonCode] of wrong) {
    const words = reasonCode === 0 ? "without a word" : `and told 0x${reasonCode.toString(16)}`;
    it(`that ${what} is left with ${status}, ${words}`, async () => {
      await start({}, { limits: SLOW }, bytes);
      await assertLeft(status, reasonCode);
    });
  }

  for (const code of [0x80, 0x83, 0x87, 0x8f, 0x9e]) {
    it(`that refuses the filter for CBOR with 0x${code.toString(16)} is asked in JSON at once`, async () => {
      const topics: string[] = [];
      fake = await FakeBroker.start((packet) => {
        if (packet.cmd === "connect") return { cmd: "connack", reasonCode: 0, sessionPresent: false };
        if (packet.cmd === "subscribe") {
          const isCbor = packet.subscriptions[0]?.topic.endsWith("-cbor");
          return { cmd: "suback", messageId: packet.messageId ?? 0, granted: [isCbor ? code : 1] };
        }
        if (packet.cmd !== "publish") return undefined;
        topics.push(packet.topic);
        const { id } = JSON.parse(String(packet.payload)) as { id: number };
        const result = { time: 1, ext: { cbor: 1 }, token: "t", expires_in: 600 };
        return { ...message, payload: JSON.stringify({ v: 2, id, result }) };
      });
      device = new Device(fake.port, DEVICE, {
        transport: mqtt5,
        encoding: cbor,
        proof: "password",
      });
      assert.equal((await device.getToken(HOST)).status, "OK");
      await fake.told("subscribe", 2);
      // The answer to the second one comes behind SUBACK: the third would be in CBOR.
      assert.equal((await device.getToken("b.example.com")).status, "OK");
      assert.equal((await device.getToken("c.example.com")).status, "OK");
      assert.deepEqual(new Set(topics), new Set(["cloud/from/device_123/rpc"]));
    });
  }

  it("is told what was wrong in a WebSocket, too, before its Close", async () => {
    fake = await FakeBroker.start(Buffer.alloc(0));
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    const told = new Promise<number[]>((resolve) => {
      server.on("connection", (socket) => {
        const bytes: number[] = [];
        socket.once("message", () => socket.send(Buffer.from("f00100", "hex")));
        socket.on("message", (data: Buffer) => bytes.push(...data));
        socket.on("close", (code) => resolve([...bytes.slice(-4), code]));
      });
    });
    const { port } = server.address() as AddressInfo;
    device = new Device(port, DEVICE, { transport: mqttOverWebSocket(mqtt5, "/mqtt"), limits: SLOW });
    assert.deepEqual(await told, [0xe0, 0x02, 0x81, 0x00, 1002]);
    server.close();
  });

  it("that keeps a session which nobody asked for is left with MQTT_UNEXPECTED", async () => {
    fake = await FakeBroker.start(Buffer.from("2003010000", "hex"));
    device = new Device(fake.port, DEVICE, { transport: mqtt5, limits: SLOW });
    await assertLeft("MQTT_UNEXPECTED", 0x82);
  });
});
