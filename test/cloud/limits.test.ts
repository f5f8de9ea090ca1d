/** What the cloud waits for, buffers and keeps has an end. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import mqtt from "mqtt-packet";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { createWebSocketStream, WebSocket } from "ws";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { Mint, newSigningKey } from "../../host-sim/cloud/mint.js";
import { type CloudClock, HOSTS_MAX, Tokens } from "../../host-sim/cloud/tokens.js";
import { Client } from "./client.js";

const DEVICE = { id: "device_123", psk: "correct horse" };
const CONNECT = {
  cmd: "connect",
  protocolId: "MQTT",
  clientId: DEVICE.id,
  clean: true,
  keepalive: 0,
} as const;
/** Long enough for anything that is waited for in fact. */
const LIMIT_MS = 60_000;
/** A CONNECT that announces 256 MB. */
const ENDLESS = Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4, ...Buffer.from("MQTT")]);

describe("the cloud's limits", () => {
  let cloud: Cloud;
  let sockets: Socket[];
  let clock: SinonFakeTimers | undefined;

  beforeEach(() => {
    sockets = [];
  });

  afterEach(async () => {
    clock?.restore();
    clock = undefined;
    for (const socket of sockets) socket.destroy();
    await cloud.close();
  });

  async function start(options: CloudOptions = {}): Promise<void> {
    cloud = await startCloud(options);
    await cloud.addDevice(DEVICE);
  }

  /** From here on what the cloud waits for takes as long as the test says. */
  function stopTime(): void {
    clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  }

  function open(url: string): Socket {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    sockets.push(socket);
    socket.on("error", () => {});
    socket.resume();
    return socket;
  }

  const ended = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve));

  it("who sends no CONNECT, or not all of it, is disconnected, whatever version is spoken", async () => {
    for (const mqttVersion of [4, 5] as const) {
      await cloud?.close();
      await start({ connectLimitMs: 100, mqttVersion });
      const beginnings = [[], [0x10], [0x10, 100, 0, 4], [0x10, 100, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2]];
      beginnings.push([0x10, 100, 0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 2]);
      await Promise.all(
        beginnings.map(async (bytes) => {
          const socket = open(cloud.mqttUrl);
          const end = ended(socket);
          socket.write(Buffer.from(bytes));
          await end;
        }),
      );
    }
  });

  it("who stops in the middle of a handshake of TLS is disconnected", async () => {
    await start({ connectLimitMs: 100, tls: true, identity: true });
    const urls = [cloud.mqttUrl, cloud.httpUrl];
    await Promise.all(urls.map((url) => ended(open(url))));
  });

  it("who leaves the exchange of auth5 unanswered is disconnected, and may announce no long packet in it", async () => {
    await start({ connectLimitMs: LIMIT_MS });
    stopTime();
    const properties = { authenticationMethod: "MOTEKEY-HMAC-SHA-256", authenticationData: Buffer.alloc(16) };
    const hello = mqtt.generate({ ...CONNECT, protocolVersion: 5, properties }, { protocolVersion: 5 });
    const silent = open(cloud.mqttUrl);
    const long = open(cloud.mqttUrl);
    const [silentEnd, longEnd] = [ended(silent), ended(long)];
    silent.write(hello);
    long.write(Buffer.concat([hello, Buffer.from([0x30, 0xff, 0xff, 0x3f])]));
    await longEnd;
    assert.equal(silent.destroyed, false);
    clock?.tick(LIMIT_MS);
    await silentEnd;
    assert.equal(cloud.stats.connects, 0);
  });

  it("who sends HTTP slowly is answered 408, on the cloud and on its identity provider", async () => {
    await start({ connectLimitMs: 200, identity: true });
    const token = await cloud.issueToken(DEVICE.id);
    const head = `POST /rpc HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: 99\r\n\r\n{`;
    const urls = [cloud.httpUrl, cloud.identity?.issuer ?? assert.fail()];
    const visits = urls.flatMap((url) => ["GET / HTTP/1.1\r\n", head].map((text) => ({ url, text })));
    await Promise.all(
      visits.map(async ({ url, text }) => {
        const socket = open(url);
        const end = ended(socket);
        let said = "";
        socket.on("data", (bytes) => {
          said += bytes;
        });
        socket.write(text);
        await end;
        assert.match(said, /^HTTP\/1\.1 (408|404) /);
      }),
    );
  });

  it("a WebSocket that names nobody and says nothing is closed, and one without CONNECT; who is proved may be silent", async () => {
    await start({ connectLimitMs: LIMIT_MS });
    stopTime();
    const proved = new WebSocket(cloud.rpcUrl, "clubby.cesanta.com", { auth: `${DEVICE.id}:${DEVICE.psk}` });
    await once(proved, "open");
    const silent = new WebSocket(cloud.rpcUrl, "clubby.cesanta.com");
    const wordless = new WebSocket(cloud.wsUrl, "mqtt");
    await Promise.all([once(silent, "open"), once(wordless, "open")]);
    const [silentEnd, wordlessEnd] = [once(silent, "close"), once(wordless, "close")];
    clock?.tick(LIMIT_MS);
    const [code, words] = await silentEnd;
    assert.deepEqual([code, String(words)], [1008, "no frame came"]);
    await wordlessEnd;
    assert.equal(proved.readyState, WebSocket.OPEN);
    proved.terminate();
  });

  it("a CONNECT that announces 256 MB is not waited for, over TCP and WebSocket", async () => {
    await start();
    for (const version of [4, 5]) {
      const bytes = Buffer.concat([ENDLESS, Buffer.from([version])]);
      const socket = open(cloud.mqttUrl);
      const end = ended(socket);
      socket.write(bytes);
      await end;
      const webSocket = new WebSocket(cloud.wsUrl, "mqtt");
      await once(webSocket, "open");
      webSocket.send(bytes);
      await once(webSocket, "close");
    }
  });

  it("a packet of a client that is in has an end, too", async () => {
    await start();
    const client = await Client.ready(cloud.mqttUrl, DEVICE);
    const seen = cloud.next("dropped");
    client.publish(`app/${DEVICE.id}/x`, Buffer.alloc(1_100_000));
    assert.equal((await seen).reason, "packet-too-long");
    await client.ended();
    const webSocket = new WebSocket(cloud.wsUrl, "mqtt");
    const stream = createWebSocketStream(webSocket);
    stream.on("error", () => {});
    const proof = { username: DEVICE.id, password: Buffer.from(DEVICE.psk) };
    stream.write(mqtt.generate({ ...CONNECT, protocolVersion: 5, ...proof }, { protocolVersion: 5 }));
    const parser = mqtt.parser({ protocolVersion: 5 });
    stream.on("data", (bytes: Buffer) => parser.parse(bytes));
    const [connack] = await once(parser, "packet");
    assert.equal(connack.properties.maximumPacketSize, 1_048_576);
    stream.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
    const [last] = await once(parser, "packet");
    assert.deepEqual([last.cmd, last.reasonCode], ["disconnect", 0x95]);
    await once(webSocket, "close");
  });

  it("a client of MQTT 5 that is silent for one and a half times its keep-alive is told 0x8D and disconnected", async () => {
    await start();
    const socket = open(cloud.mqttUrl);
    const proof = { username: DEVICE.id, password: Buffer.from(DEVICE.psk) };
    socket.write(
      mqtt.generate({ ...CONNECT, ...proof, protocolVersion: 5, keepalive: 1 }, { protocolVersion: 5 }),
    );
    const parser = mqtt.parser({ protocolVersion: 5 });
    const told: unknown[][] = [];
    parser.on("packet", (packet: mqtt.Packet) =>
      told.push([packet.cmd, "reasonCode" in packet ? packet.reasonCode : null]),
    );
    socket.on("data", (bytes) => parser.parse(bytes));
    await ended(socket);
    assert.deepEqual(told, [
      ["connack", 0],
      ["disconnect", 0x8d],
    ]);
  });

  it("one caller has tokens for 1,000 hosts at most, and is told so", async () => {
    await start({ tokens: { format: "opaque" } });
    const client = await Client.ready(cloud.mqttUrl, DEVICE);
    const generate = (host: string) => client.call("/v1/Auth.GenerateToken", { host });
    for (let i = 0; i < HOSTS_MAX; i++) assert.equal((await generate(`a${i}`)).error, undefined);
    const { error } = await generate("one-more");
    assert.deepEqual(
      [error?.code, error?.message],
      [429, "There are tokens for 1000 hosts already; revoke one, or wait for its end"],
    );
    assert.equal((await generate("a0")).error, undefined);
    await client.call("/v1/Auth.RevokeToken", { host: "a1" });
    assert.equal((await generate("one-more")).error, undefined);
    client.close();
  });

  it("tokens of hosts that nobody asks for again leave when they have ended", async () => {
    await start();
    let nowMs = 1_700_000_000_000;
    const clock: CloudClock = { now: () => nowMs, told: () => nowMs };
    const mint = new Mint({ format: "opaque" }, "//cloud", () => newSigningKey("ES256"));
    const tokens = new Tokens({ lifetimeSeconds: 60 }, clock, mint);
    for (let i = 0; i < 500; i++) await tokens.generate(`device_${i % 50}`, `app-${i}.example.com`);
    assert.equal(tokens.kept, 500);
    nowMs += 30_000;
    const { text } = await tokens.generate("device_0", "later.example.com");
    nowMs += 31_000;
    await tokens.generate("device_1", "last.example.com");
    assert.equal(tokens.kept, 2);
    assert.equal(tokens.check(text, "later.example.com").active, true);
    assert.deepEqual([tokens.hosts("device_0"), tokens.hosts("device_2")], [["later.example.com"], []]);
  });
});
