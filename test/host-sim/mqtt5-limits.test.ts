/** A broker of MQTT 5: what it says that it takes, beyond which nothing is sent (3.2.2.3, 4.9), and what it must not say. */
import assert from "node:assert/strict";
import { generate, type IConnackPacket, type Packet } from "mqtt-packet";
import { State, Status } from "../../firmware/index.js";
import { Messages } from "../../firmware/messages.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
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

  const refused: [name: string, properties: object, status: string][] = [
    ["no QoS 1", { maximumQoS: 0 }, "MQTT_QOS"],
    ["another client id", { assignedClientIdentifier: "x" }, "CLIENT_ID_REFUSED"],
  ];
  for (const [name, properties, status] of refused) {
    it(`that grants ${name} is left with ${status}`, async () => {
      await start(properties);
      await device.next(State.WAITING);
      assert.equal(device.auth.explain().name, status);
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
  const wrong: [what: string, bytes: Buffer<ArrayBuffer>, status: string][] = [
    [
      "says CONNACK again",
      packet({ cmd: "connack", reasonCode: 0, sessionPresent: false }),
      "MQTT_UNEXPECTED",
    ],
    ["says SUBACK again", packet({ cmd: "suback", messageId: 1, granted: [1] }), "MQTT_UNEXPECTED"],
    ["wants proof of who has given it", Buffer.from("f000", "hex"), "MQTT_UNEXPECTED"],
    ["publishes at QoS 2", packet({ ...message, qos: 2, messageId: 7 }), "MQTT_QOS"],
    ["publishes at QoS 3", Buffer.from("3605000161000100", "hex"), "MQTT_QOS"],
    [
      "uses a topic alias that nobody allowed",
      packet({ ...message, properties: { topicAlias: 1 } }),
      "MQTT_PROPERTY",
    ],
    ["publishes under no topic", Buffer.from("3003000000", "hex"), "MQTT_TOPIC"],
    [
      "publishes under a wildcard",
      packet({ ...message, topic: "device_123/rpc" }).fill(0x2b, 4, 5),
      "MQTT_TOPIC",
    ],
    ["acknowledges in two steps what has one", packet({ cmd: "pubrec", messageId: 1 }), "MQTT_UNEXPECTED"],
    ["pings", Buffer.from("c000", "hex"), "MQTT_PACKET_TYPE"],
    ["subscribes to us", Buffer.from("8206000100000161", "hex"), "MQTT_PACKET_TYPE"],
    [
      "goes, and is not there for long",
      packet({ cmd: "disconnect", reasonCode: 0x8b }),
      "SERVER_UNAVAILABLE",
    ],
  ];
  for (const [what, bytes, status] of wrong) {
    it(`that ${what} is left with ${status}`, async () => {
      await start({}, { limits: SLOW }, bytes);
      await device.reaches(State.CONNECTING);
      await device.reaches(State.WAITING);
      assert.equal(device.auth.explain().name, status);
    });
  }

  it("that keeps a session which nobody asked for is left with MQTT_UNEXPECTED", async () => {
    fake = await FakeBroker.start(Buffer.from("2003010000", "hex"));
    device = new Device(fake.port, DEVICE, { transport: mqtt5, limits: SLOW });
    await device.reaches(State.CONNECTING);
    await device.reaches(State.WAITING);
    assert.equal(device.auth.explain().name, "MQTT_UNEXPECTED");
  });
});
