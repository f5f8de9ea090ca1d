import assert from "node:assert/strict";
import { connect as tcpConnect } from "node:net";
import { connectAsync } from "mqtt";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { Client } from "./client.js";
import { counterPassword } from "./passwords.js";

describe("the cloud's connections", () => {
  let cloud: Cloud;
  let device: { id: string; psk: string };
  let clients: Client[];

  beforeEach(async () => {
    clients = [];
    cloud = await startCloud();
    device = await cloud.addDevice({ id: "device_123" });
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await cloud.close();
  });

  async function open(
    password: string | undefined,
    username: string | undefined = device.id,
    id = device.id,
  ) {
    const options = { id, ...(username === undefined ? {} : { username }) };
    const client = await Client.open(
      cloud.mqttUrl,
      password === undefined ? options : { ...options, password },
    );
    clients.push(client);
    return client;
  }

  it("a made PSK is 43 characters of base64url, each another", async () => {
    assert.match(device.psk, /^[A-Za-z0-9_-]{43}$/);
    assert.notEqual((await cloud.addDevice({ id: "device_9" })).psk, device.psk);
  });

  it("the PSK as the password is accepted, another is CONNACK 4", async () => {
    const seen = cloud.next("connected");
    assert.equal((await open(device.psk)).returnCode, 0);
    assert.deepEqual(await seen, { event: "connected", id: device.id, proof: "password" });
    assert.equal((await open(`${device.psk}x`)).returnCode, 4);
    assert.equal((await open("")).returnCode, 4);
    assert.equal((await open(device.psk, "nobody", "nobody")).returnCode, 4);
    assert.deepEqual(cloud.stats.connectsRefused, { password: 2, unknown: 1 });
  });

  it("the client id must be the user name", async () => {
    const other = await cloud.addDevice({ id: "device_9" });
    assert.equal((await open(other.psk, other.id, device.id)).returnCode, 4);
    assert.equal((await open(device.psk, other.id, device.id)).returnCode, 4);
    assert.deepEqual(cloud.stats.connectsRefused, { "user-name": 2 });
  });

  it("a counter password is accepted once, and then only a higher one", async () => {
    const attempt = async (counter: number | string) =>
      (await open(counterPassword(device.psk, device.id, counter))).returnCode;
    assert.equal(await attempt(0), 0);
    assert.equal(await attempt(0), 4);
    assert.equal(await attempt(64), 0);
    assert.equal(await attempt(63), 4);
    assert.equal(await attempt(Number.MAX_SAFE_INTEGER), 0);
    for (const bad of ["0064", "-1", "1e3", "9007199254740993"]) assert.equal(await attempt(bad), 4, bad);
  });

  it("a counter password of another key, id or counter is CONNACK 4", async () => {
    const [counter, mac] = counterPassword(device.psk, device.id, 7).split(".");
    const passwords = [
      counterPassword(`${device.psk}x`, device.id, 7),
      counterPassword(device.psk, "device_9", 7),
      `8.${mac}`,
      `${counter}.${mac?.replace(/^./, (first) => (first === "A" ? "B" : "A"))}`,
    ];
    for (const password of passwords) assert.equal((await open(password)).returnCode, 4, password);
    assert.equal((await open(`${counter}.${mac}`)).returnCode, 0);
  });

  it("a disabled device is CONNACK 5, and its connection is closed", async () => {
    const client = await open(device.psk);
    await cloud.disable(device.id);
    await client.ended();
    assert.equal((await open(device.psk)).returnCode, 5);
    assert.equal((await open(undefined)).returnCode, 5);
  });

  it("without a password a client is unproven, or refused where that is switched off", async () => {
    const seen = cloud.next("connected");
    assert.equal((await open(undefined)).returnCode, 0);
    assert.equal((await seen).proof, "none");
    const strict = await startCloud({ anonymous: false });
    await strict.addDevice(device);
    const refused = await Client.open(strict.mqttUrl, { id: device.id });
    assert.equal(refused.returnCode, 4);
    refused.close();
    await strict.close();
  });

  it("after a take-over the new connection is the device's, also when the old one's end comes later", async () => {
    await open(device.psk);
    const gone = cloud.next("disconnected");
    await open(device.psk);
    await gone;
    assert.equal(cloud.kick(device.id), true, "the cloud still knows a connection of this device");
  });

  it("an unproven client cannot take a proven one's place, a proven one can take any", async () => {
    const unproven = await open(undefined);
    const proven = await open(device.psk);
    await unproven.ended();
    assert.equal((await open(undefined)).returnCode, 5);
    assert.deepEqual(cloud.stats.connectsRefused, { takeover: 1 });
    assert.equal((await open(device.psk)).returnCode, 0);
    await proven.ended();
    assert.equal(cloud.stats.connections, 1);
  });

  it("a device reads its own topics only: anything else is SUBACK 0x80", async () => {
    const client = await open(device.psk);
    for (const topic of ["device_123/rpc", "device_123/rpc/#", "device_123/rpc/+"]) {
      assert.equal(await client.subscribe(topic), 1, topic);
    }
    const others = [
      "#",
      "+/rpc",
      "device_9/rpc",
      "device_123/#",
      "device_123/rpcs",
      "cloud/from/device_123/rpc",
    ];
    for (const topic of [...others, "$SYS/#", "$share/g/device_123/rpc"]) {
      assert.equal(await client.subscribe(topic), 128, topic);
    }
  });

  it("a device that publishes on another's topic is closed and counted", async () => {
    await cloud.addDevice({ id: "device_9" });
    for (const topic of [
      "device_9/rpc",
      "cloud/from/device_9/rpc",
      "device_123/rpc",
      "cloud/from/device_123",
    ]) {
      const client = await open(device.psk);
      const seen = cloud.next("topic-refused");
      client.publish(topic, '{"v":2,"src":"device_9","id":1,"method":"/v1/Hello"}');
      await client.ended();
      assert.deepEqual(await seen, { event: "topic-refused", id: device.id, topic, action: "publish" });
    }
    assert.deepEqual([cloud.stats.topicsRefused, cloud.stats.requests], [4, {}]);
  });

  it("a session that is kept brings a refused subscription back neither", async () => {
    await cloud.addDevice({ id: "device_9" });
    const options = { id: device.id, username: device.id, password: device.psk, clean: false };
    for (let i = 0; i < 2; i++) {
      const client = await Client.open(cloud.mqttUrl, options);
      const subscriptions = ["device_123/rpc", "device_9/rpc"].map((topic) => ({ topic, qos: 1 as const }));
      client.write({ cmd: "subscribe", messageId: 99, subscriptions });
      await cloud.next("subscribed");
      client.close();
      await cloud.next("disconnected");
      cloud.publishRaw("device_9", "not yours");
    }
    const again = await Client.open(cloud.mqttUrl, options);
    clients.push(again);
    cloud.publishRaw("device_9", "not yours");
    cloud.publishRaw(device.id, "yours");
    assert.equal(await again.message(), "yours");
  });

  it("nothing is retained", async () => {
    const client = await Client.ready(cloud.mqttUrl, device);
    clients.push(client);
    const hello = { v: 2, src: device.id, id: 1, method: "/v1/Hello" };
    client.publish(`cloud/from/${device.id}/rpc`, JSON.stringify(hello), true);
    await client.message();
    client.publish(`cloud/from/${device.id}/other`, "kept?", true);
    await client.call("/v1/Hello");
    const again = await Client.ready(cloud.mqttUrl, device);
    clients.push(again);
    await again.call("/v1/Hello");
    assert.equal(again.unread, 0);
  });

  it("CONNECT, SUBSCRIBE and a request in one write get their acknowledgements and the reply", async () => {
    const mqttPacket = (await import("mqtt-packet")).default;
    const { id, psk } = device;
    const socket = tcpConnect({ host: "127.0.0.1", port: cloud.port });
    const connect = {
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clientId: id,
      clean: true,
    } as const;
    const payload = JSON.stringify({ v: 2, src: id, id: 1, method: "/v1/Hello" });
    const topic = `cloud/from/${id}/rpc`;
    const subscriptions = [{ topic: `${id}/rpc/#`, qos: 1 as const }];
    socket.write(
      Buffer.concat([
        mqttPacket.generate({ ...connect, keepalive: 60, username: id, password: Buffer.from(psk) }),
        mqttPacket.generate({ cmd: "subscribe", messageId: 1, subscriptions }),
        mqttPacket.generate({
          cmd: "publish",
          topic,
          payload,
          qos: 1,
          messageId: 2,
          retain: false,
          dup: false,
        }),
      ]),
    );
    const seen: string[] = [];
    const parser = mqttPacket.parser();
    const answered = new Promise<void>((resolve) => {
      parser.on("packet", (packet) => {
        seen.push(packet.cmd);
        if (packet.cmd === "publish") resolve();
      });
    });
    socket.on("data", (bytes) => parser.parse(bytes));
    await answered;
    socket.destroy();
    assert.deepEqual(
      [seen[0], seen.slice(1, 3).sort(), seen[3]],
      ["connack", ["puback", "suback"], "publish"],
    );
  });

  it("kick closes a connection; restart closes all and keeps the registry", async () => {
    const first = await open(device.psk);
    assert.equal(cloud.kick(device.id), true);
    await first.ended();
    assert.equal(cloud.kick(device.id), false);
    const second = await open(device.psk);
    cloud.restart();
    await second.ended();
    assert.equal((await open(device.psk)).returnCode, 0);
  });

  it("bytes that are no MQTT close their connection and nothing else", async () => {
    const steady = await Client.ready(cloud.mqttUrl, device);
    clients.push(steady);
    for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\x10\xff\xff\xff\xff\xff", "\x30\x05abc", "\x00\x00"]) {
      const socket = tcpConnect({ host: "127.0.0.1", port: cloud.port });
      socket.on("error", () => {});
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.write(Buffer.from(bytes, "latin1"));
      socket.end();
      await closed;
    }
    assert.equal((await steady.call("/v1/Hello")).error, undefined);
  });

  it("MQTT.js works as it is, from PSK to token", async () => {
    const client = await connectAsync(cloud.mqttUrl, {
      clientId: device.id,
      username: device.id,
      password: device.psk,
    });
    await client.subscribeAsync(`${device.id}/rpc/#`, { qos: 1 });
    const reply = new Promise<Buffer>((resolve) =>
      client.once("message", (_topic, payload) => resolve(payload)),
    );
    const frame = { v: 2, src: device.id, id: 5, method: "/v1/Auth.GenerateToken", args: { host: "a.b" } };
    await client.publishAsync(`cloud/from/${device.id}/rpc`, JSON.stringify(frame), { qos: 1 });
    const { result } = JSON.parse((await reply).toString());
    assert.equal(cloud.checkToken(result.token, "a.b").active, true);
    await client.endAsync();
  });

  it("a taken port is a clear error, and nothing stays open", async () => {
    await assert.rejects(
      startCloud({ port: cloud.port }),
      /Cannot listen for MQTT on 127\.0\.0\.1:\d+; is the port taken/,
    );
  });
});
