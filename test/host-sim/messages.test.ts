/** The app's own messages on the device's connection: the firmware's Messages on a real broker. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connectAsync, type MqttClient } from "mqtt";
import { mqtt, State, Status, type Transport } from "../../firmware/index.js";
import { type MessagePiece, Messages, type Payload } from "../../firmware/messages.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { mqttOverWebSocket, rpcOverWebSocket } from "../../firmware/websocket.js";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { explain } from "../../host-sim/explain.js";
import { findMosquitto, type Mosquitto, startMosquitto } from "../servers/mosquitto.js";
import { Device, type DeviceOptions } from "./device.js";
import { Tap } from "./tap.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const APP = { id: "app_1", psk: "the-key-of-the-app-0123456789abcdefghijklmno" };
const HOST = "app.example.com";
const users = [DEVICE, APP].map(({ id, psk }) => ({ id, password: psk }));

describe("the app's own messages", () => {
  let broker: Mosquitto;
  let cloud: Cloud;
  let messages: Messages;
  let device: Device;
  let app: MqttClient;
  let closing: (() => unknown)[];

  before(async function () {
    broker = await startMosquitto(findMosquitto(this), users, [
      "pattern readwrite app/%u/#",
      "user app_1",
      "topic readwrite app/#",
    ]);
  });

  after(() => broker?.close());

  beforeEach(async () => {
    closing = [];
    cloud = await startCloud({ broker: broker.cloudUrl, topicsBound: true });
    closing.push(() => cloud.close());
    await cloud.addDevice(DEVICE);
    app = await connectAsync(broker.url, { clientId: APP.id, username: APP.id, password: APP.psk });
    closing.push(() => app.endAsync(true));
    messages = new Messages();
  });

  afterEach(async () => {
    for (const close of closing.reverse()) await close();
  });

  function connect(options: DeviceOptions = {}, port = broker.port): void {
    device = new Device(port, DEVICE, { proof: "password", messages, ...options });
    closing.push(() => device.close());
  }

  const publish = (topic: string, payload: Uint8Array | Payload, qos: 0 | 1 = 1): Promise<string> =>
    new Promise((resolve) => {
      const status = messages.publish(messages.topic(topic), payload, qos, (end) => resolve(Status[end]));
      if (status !== Status.OK) resolve(Status[status]);
    });

  const subscribe = (filter: string, onPiece: (piece: MessagePiece) => void): Promise<string> =>
    new Promise((resolve) => {
      const status = messages.subscribe(filter, onPiece, (end) => resolve(Status[end]));
      if (status !== Status.OK) resolve(Status[status]);
    });

  /** Collects messages as `topic payload`; `next` resolves with what comes next. */
  function mailbox(): { onPiece(piece: MessagePiece): void; next(): Promise<string> } {
    const whole: string[] = [];
    const waiters: ((text: string) => void)[] = [];
    let parts: Buffer[] = [];
    return {
      onPiece({ topic, topicLength, bytes, from, to, at, payloadLength }) {
        assert.equal(Buffer.concat(parts).length, at);
        parts.push(Buffer.from(bytes.subarray(from, to)));
        if (at + to - from < payloadLength) return;
        const text = `${Buffer.from(topic.subarray(0, topicLength))} ${Buffer.concat(parts).toString("latin1")}`;
        parts = [];
        const waiter = waiters.shift();
        if (waiter === undefined) whole.push(text);
        else waiter(text);
      },
      next: () =>
        new Promise((resolve) => {
          const text = whole.shift();
          if (text === undefined) waiters.push(resolve);
          else resolve(text);
        }),
    };
  }

  /** What the app's own client gets next on a topic. */
  async function heard(filter: string): Promise<() => Promise<Buffer>> {
    const got: Buffer[] = [];
    const waiters: ((payload: Buffer) => void)[] = [];
    app.on("message", (_topic, payload) => {
      const waiter = waiters.shift();
      if (waiter === undefined) got.push(payload);
      else waiter(payload);
    });
    await app.subscribeAsync(filter, { qos: 1 });
    return () =>
      new Promise((resolve) => {
        const payload = got.shift();
        if (payload === undefined) waiters.push(resolve);
        else resolve(payload);
      });
  }

  for (const transport of [mqtt, mqtt5] satisfies Transport[]) {
    it(`go out and come in beside the auth calls, over ${transport.name}`, async () => {
      connect({ transport });
      const box = mailbox();
      const next = await heard("app/device_123/up");
      assert.equal(await subscribe("app/device_123/down/#", box.onPiece), "OK");
      assert.equal(await publish("app/device_123/up", Buffer.from("21.5"), 1), "OK");
      assert.equal(await publish("app/device_123/up", Buffer.from("21.6"), 0), "OK");
      assert.deepEqual([String(await next()), String(await next())], ["21.5", "21.6"]);
      await app.publishAsync("app/device_123/down/led", "on", { qos: 1 });
      await app.publishAsync("app/device_123/down", "", { qos: 1 });
      assert.equal(await box.next(), "app/device_123/down/led on");
      assert.equal(await box.next(), "app/device_123/down ");
      assert.equal((await device.getToken(HOST)).status, "OK");
      const { foreign, malformed, losses } = device.auth.counters;
      assert.deepEqual([foreign, malformed, losses], [0, 0, 0]);
    });

    it(`are longer than every buffer, both ways, and calls go on around them, over ${transport.name}`, async () => {
      connect({ transport });
      const payload = randomBytes(200_000);
      const box = mailbox();
      const next = await heard("app/device_123/up");
      await subscribe("app/device_123/down", box.onPiece);
      const ended = publish("app/device_123/up", payload);
      const token = device.getToken(HOST);
      assert.equal(await ended, "OK");
      assert.ok((await next()).equals(payload));
      assert.equal((await token).status, "OK");
      await app.publishAsync("app/device_123/down", payload, { qos: 1 });
      assert.equal(await box.next(), `app/device_123/down ${payload.toString("latin1")}`);
      assert.equal((await device.generateToken(HOST)).status, "OK");
      assert.equal(device.auth.counters.losses, 0);
    });

    it(`are wanted no more after unsubscribe, over ${transport.name}`, async () => {
      connect({ transport });
      const box = mailbox();
      await subscribe("app/device_123/down", () => assert.fail("told"));
      assert.equal(messages.unsubscribe("app/device_123/down"), Status.OK);
      assert.equal(messages.unsubscribe("app/device_123/down"), Status.STALE);
      await subscribe("app/device_123/other", box.onPiece);
      await app.publishAsync("app/device_123/down", "x", { qos: 1 });
      await app.publishAsync("app/device_123/other", "y", { qos: 1 });
      assert.equal(await box.next(), "app/device_123/other y");
    });
  }

  for (const transport of [mqtt, mqtt5] satisfies Transport[]) {
    it(`are shared with others of a group, over ${transport.name}`, async () => {
      connect({ transport });
      const box = mailbox();
      assert.equal(await subscribe("$share/pumps/app/device_123/work/#", box.onPiece), "OK");
      await app.publishAsync("app/device_123/work/1", "job", { qos: 1 });
      assert.equal(await box.next(), "app/device_123/work/1 job");
      assert.equal(messages.unsubscribe("$share/pumps/app/device_123/work/#"), Status.OK);
    });

    it(`that wait at QoS 2 in a session of the firmware before cost no connection, over ${transport.name}`, async () => {
      const five = transport === mqtt5;
      const before = await connectAsync(broker.url, {
        clientId: DEVICE.id,
        username: DEVICE.id,
        password: DEVICE.psk,
        clean: false,
        protocolVersion: five ? 5 : 4,
        ...(five ? { properties: { sessionExpiryInterval: 3_600 } } : {}),
      });
      await before.subscribeAsync("app/device_123/news", { qos: 2 });
      await before.endAsync(true);
      for (const text of ["one", "two", "three"])
        await app.publishAsync("app/device_123/news", text, { qos: 2 });
      connect({ transport, cloud: { cleanSession: false } });
      assert.equal((await device.getToken(HOST)).status, "OK");
      while (device.auth.counters.foreign < 3) await device.generateToken(HOST);
      const box = mailbox();
      await subscribe("app/device_123/#", box.onPiece);
      await app.publishAsync("app/device_123/news", "four", { qos: 2 });
      assert.equal(await box.next(), "app/device_123/news four");
      assert.deepEqual([device.auth.counters.losses, device.auth.counters.connects], [0, 1]);
    });
  }

  it("come from a source that is read in pieces", async () => {
    connect();
    const payload = randomBytes(5_000);
    const asked: number[] = [];
    const next = await heard("app/device_123/up");
    const source: Payload = {
      length: payload.length,
      read(at, out, from, to) {
        asked.push(at);
        out.set(payload.subarray(at, at + to - from), from);
      },
    };
    assert.equal(await publish("app/device_123/up", source), "OK");
    assert.ok((await next()).equals(payload));
    assert.ok(asked.length > 5);
  });

  it("one is on its way at a time, the next is told BUSY", async () => {
    connect();
    const first = publish("app/device_123/up", Buffer.from("1"));
    assert.equal(await publish("app/device_123/up", Buffer.from("2")), "BUSY");
    assert.equal(await first, "OK");
    assert.equal(await publish("app/device_123/up", Buffer.from("3")), "OK");
  });

  it("filters are a fixed table", async () => {
    messages = new Messages({ filters: 1 });
    connect();
    assert.equal(await subscribe("app/device_123/a", () => {}), "OK");
    assert.equal(await subscribe("app/device_123/b", () => {}), "BUSY");
  });

  it("filters are subscribed to again after a reconnect, and a message under way leaves again", async () => {
    const tap = await Tap.start(broker.port);
    closing.push(() => tap.close());
    connect({}, tap.port);
    const box = mailbox();
    await subscribe("app/device_123/down", box.onPiece);
    const lost = device.next(State.WAITING);
    tap.cut();
    await lost;
    const ended = publish("app/device_123/up", Buffer.from("later"));
    assert.equal(await ended, "OK");
    await app.publishAsync("app/device_123/down", "again", { qos: 1 });
    assert.equal(await box.next(), "app/device_123/down again");
  });

  it("a message that its ACL forbids fails with FORBIDDEN over MQTT 5", async () => {
    connect({ transport: mqtt5 });
    assert.equal(await publish("app/another/up", Buffer.from("x")), "FORBIDDEN");
    assert.equal(explain(device.auth).peerCode, 0, "what the app was told is no diagnosis of the calls");
    assert.equal((await device.getToken(HOST)).status, "OK");
    assert.equal(device.auth.counters.losses, 0);
  });

  it("a source that throws ends its message; the connection is made anew, and calls go on", async () => {
    connect();
    await device.settled();
    const source: Payload = {
      length: 2_000,
      read() {
        throw new Error("the app's own");
      },
    };
    assert.equal(await publish("app/device_123/up", source), "BAD_ARGUMENTS");
    assert.equal((await device.generateToken(HOST)).status, "OK");
    assert.equal(await publish("app/device_123/up", Buffer.from("fine")), "OK");
  });

  it("end with CLOSED when the client is closed", async () => {
    connect({}, broker.port);
    const ended = publish("app/device_123/up", Buffer.from("x"));
    const granted = subscribe("app/device_123/down", () => {});
    device.close();
    assert.deepEqual([await ended, await granted], ["CLOSED", "CLOSED"]);
    assert.equal(await publish("app/device_123/up", Buffer.from("x")), "CLOSED");
  });

  it("refuse names that MQTT has none of", () => {
    for (const name of ["", "a/+", "#", "a\0b"]) assert.throws(() => messages.topic(name), /topic/);
    for (const filter of ["", "a+", "a/#/b", "a#", "+a"]) {
      assert.throws(
        () =>
          messages.subscribe(
            filter,
            () => {},
            () => {},
          ),
        /topic filter/,
      );
    }
  });

  it("need a transport with topics", () => {
    assert.throws(() => connect({ transport: rpcOverWebSocket("/rpc") }), /no topics/);
  });
});

describe("the app's own messages on a broker that refuses them", () => {
  for (const transport of [mqtt, mqtt5]) {
    it(`are told so, and the auth calls go on, over ${transport.name}`, async () => {
      const cloud = await startCloud();
      const messages = new Messages();
      await cloud.addDevice(DEVICE);
      const device = new Device(cloud.port, DEVICE, { transport, messages });
      try {
        const refused = await new Promise<Status>((resolve) => {
          messages.subscribe("app/another/#", () => {}, resolve);
        });
        assert.equal(Status[refused], "SUBSCRIPTION_REFUSED");
        const ended = await new Promise<Status>((resolve) => {
          messages.publish(messages.topic("app/another/x"), Buffer.from("x"), 1, resolve);
        });
        // A broker of 3.1.1 cannot say no: ours closes the connection, and is not tried a third time.
        assert.equal(Status[ended], transport === mqtt5 ? "FORBIDDEN" : "CONNECTION_LOST");
        assert.equal((await device.getToken(HOST)).status, "OK");
        assert.ok(device.auth.counters.losses <= 2);
      } finally {
        device.close();
        await cloud.close();
      }
    });
  }
});

describe("the app's own messages over a WebSocket", () => {
  it("go out and come in, longer than every buffer", async () => {
    const cloud = await startCloud();
    const messages = new Messages();
    await cloud.addDevice(DEVICE);
    const port = Number(new URL(cloud.httpUrl).port);
    const device = new Device(port, DEVICE, { transport: mqttOverWebSocket(mqtt, "/mqtt"), messages });
    const payload = randomBytes(50_000);
    const received: Buffer[] = [];
    try {
      const whole = new Promise<void>((resolve) => {
        messages.subscribe(
          `app/${DEVICE.id}/#`,
          ({ bytes, from, to, at, payloadLength }) => {
            received.push(Buffer.from(bytes.subarray(from, to)));
            if (at + to - from === payloadLength) resolve();
          },
          (status) => {
            assert.equal(status, Status.OK);
            messages.publish(messages.topic(`app/${DEVICE.id}/x`), payload, 1, () => {});
          },
        );
      });
      await whole;
      assert.ok(Buffer.concat(received).equals(payload));
      assert.equal((await device.getToken(HOST)).status, "OK");
    } finally {
      device.close();
      await cloud.close();
    }
  });
});
