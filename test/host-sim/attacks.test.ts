/** What others can do to a device on the cloud's own broker, and what they get. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { State, Status } from "../../firmware/index.js";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { explain } from "../../host-sim/explain.js";
import { Client } from "../cloud/client.js";
import { Device, type DeviceOptions } from "./device.js";
import { frameOf, messagesIn, packetsIn, Tap } from "./tap.js";

const ID = "device_123";
const OTHER = "device_9";
const HOST = "app.example.com";
const REQUEST_TOPIC = `cloud/from/${ID}/rpc`;

describe("an attacker on the cloud's own broker", () => {
  let cloud: Cloud;
  let tap: Tap;
  let device: Device;
  let other: { id: string; psk: string };
  let clients: Client[];

  beforeEach(() => {
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    device.close();
    await tap.close();
    await cloud.close();
  });

  async function start(options: DeviceOptions = {}, cloudOptions: CloudOptions = {}): Promise<void> {
    cloud = await startCloud(cloudOptions);
    tap = await Tap.start(cloud.port);
    other = await cloud.addDevice({ id: OTHER });
    device = new Device(tap.port, await cloud.addDevice({ id: ID }), options);
    await device.settled();
  }

  async function open(options: Parameters<typeof Client.open>[1]): Promise<Client> {
    const client = await Client.open(cloud.mqttUrl, options);
    clients.push(client);
    return client;
  }

  /** Sends recorded bytes on a connection of their own; resolves at its end, or when they brought a reply. */
  async function replay(bytes: Buffer): Promise<Buffer> {
    const socket = connect({ host: "127.0.0.1", port: cloud.port, noDelay: true });
    const heard: Buffer[] = [];
    const ended = once(socket, "close");
    socket.on("error", () => {});
    socket.on("data", (piece) => {
      heard.push(piece);
      if (messagesIn(Buffer.concat(heard)).length > 1) socket.end();
    });
    socket.write(bytes);
    await ended;
    return Buffer.concat(heard);
  }

  it("a device that publishes on our topic is thrown out, and nothing is done in our name", async () => {
    await start();
    const thief = await Client.ready(cloud.mqttUrl, other);
    clients.push(thief);
    thief.publish(REQUEST_TOPIC, messagesIn(tap.sent())[0] as string);
    await thief.ended();
    assert.equal((await device.getToken(HOST)).status, "OK");
    assert.deepEqual([cloud.stats.tokens, cloud.stats.topicsRefused], [1, 1]);
    assert.deepEqual([device.auth.counters.losses, device.auth.counters.macRefused], [0, 0]);
  });

  it("our frames on its own topic get it 403 and nothing else", async () => {
    await start();
    await device.getToken(HOST);
    const thief = await Client.ready(cloud.mqttUrl, other);
    clients.push(thief);
    for (const message of messagesIn(tap.sent())) {
      thief.send(message);
      assert.equal(JSON.parse(await thief.message()).error.code, 403);
    }
    assert.equal(cloud.stats.tokens, 1);
  });

  it("our whole connection, replayed byte for byte, ends at CONNACK (counter+mac)", async () => {
    await start();
    await device.getToken(HOST);
    const recording = tap.sent();
    device.close();
    await cloud.next("disconnected");
    const [connack, ...rest] = packetsIn(await replay(recording));
    assert.ok(connack?.cmd === "connack");
    assert.deepEqual([connack.returnCode, rest], [4, []]);
    assert.equal(cloud.stats.tokens, 1);
  });

  it("nor does it end our own connection", async () => {
    await start();
    await device.getToken(HOST);
    await replay(tap.sent());
    await device.settled();
    assert.deepEqual([device.auth.counters.losses, cloud.stats.connectsRefused], [0, { password: 1 }]);
  });

  it("where a connection needs no proof, replayed frames are refused: their counter was used (mac)", async () => {
    await start({ proof: "mac" });
    await device.getToken(HOST);
    const recording = tap.sent();
    device.close();
    await cloud.next("disconnected");
    const replies = messagesIn(await replay(recording)).map(frameOf);
    assert.ok(replies.length > 0);
    for (const reply of replies) assert.equal(reply.error.code, 401);
    assert.equal(cloud.stats.tokens, 1);
  });

  it("replayed digest answers are refused: their nonce was answered (digest)", async () => {
    await start({ proof: "digest" });
    await device.getToken(HOST);
    const recording = tap.sent();
    device.close();
    await cloud.next("disconnected");
    const replies = messagesIn(await replay(recording)).map(frameOf);
    assert.ok(replies.length > 0);
    for (const reply of replies) assert.equal(reply.error.code, 401);
    assert.equal(cloud.stats.tokens, 1);
  });

  for (const [what, options] of [
    ["a wrong password", { id: ID, username: ID, password: "guess" }],
    ["its own password", { id: ID, username: OTHER, password: "OTHER" }],
    ["no password", { id: ID }],
  ] as const) {
    it(`who takes our client id with ${what} is refused, and we stay connected`, async () => {
      await start();
      const given = "password" in options && options.password === "OTHER" ? { password: other.psk } : {};
      const thief = await open({ ...options, ...given });
      assert.notEqual(thief.returnCode, 0);
      assert.equal((await device.getToken(HOST)).status, "OK");
      assert.deepEqual([cloud.stats.connects, device.auth.counters.losses], [1, 0]);
    });
  }

  it("a client that has the key and takes our client id: we wait longer each time, and come back", async () => {
    await start({ proof: "password", limits: { backoffBaseMs: 30, backoffCapMs: 60 } });
    for (let i = 1; i <= 3; i++) {
      const lost = device.next(State.WAITING);
      const thief = await open({ id: ID, username: ID, password: device.identity.psk });
      assert.equal(thief.returnCode, 0);
      await lost;
      assert.equal(explain(device.auth).status, Status.CONNECTION_LOST);
      await device.reaches(State.READY);
      await thief.ended();
    }
    assert.deepEqual([device.auth.counters.losses, device.auth.counters.connects], [3, 4]);
  });
});

describe("a device with the wrong key or an old counter", () => {
  let cloud: Cloud;
  let device: Device;

  afterEach(async () => {
    device.close();
    await cloud.close();
  });

  for (const proof of ["counter+mac", "password"] as const) {
    it(`a wrong key is told as BAD_CREDENTIALS, tried again at the cap, and no reason to give up (${proof})`, async () => {
      cloud = await startCloud();
      const { id } = await cloud.addDevice({ id: ID });
      device = new Device(cloud.port, { id, psk: "not the key" }, { proof });
      // What proves itself by a counter asks for it first, once.
      const last = proof === "password" ? ID : `${ID}-recover`;
      await cloud.next("connect-refused", (event) => event.id === last);
      const refusedAtMs = performance.now();
      const again = cloud.next("connect-refused");
      await device.next(State.WAITING);
      const { name, sentence } = explain(device.auth);
      assert.equal(name, "BAD_CREDENTIALS");
      assert.match(sentence, /compare its key with the cloud's/);
      await again;
      const waitedMs = performance.now() - refusedAtMs;
      assert.ok(waitedMs >= 39, `the wait is at least half the cap of 80 ms, not ${waitedMs} ms`);
      await cloud.setPsk(id, "not the key");
      await device.reaches(State.READY);
      assert.equal((await device.getToken(HOST)).status, "OK");
      assert.equal(explain(device.auth).name, "OK");
    });
  }

  it("a caller is told BAD_CREDENTIALS, not TIMEOUT", async () => {
    cloud = await startCloud();
    const { id } = await cloud.addDevice({ id: ID });
    device = new Device(cloud.port, { id, psk: "not the key" }, { limits: { callDeadlineMs: 400 } });
    await device.next(State.WAITING);
    assert.equal((await device.getToken(HOST)).status, "BAD_CREDENTIALS");
    assert.deepEqual(cloud.stats.requests, {});
  });

  it("a wrong key in the frames alone: refused, counted, explained, no token (mac)", async () => {
    cloud = await startCloud();
    const { id } = await cloud.addDevice({ id: ID });
    const limits = { callAttemptMs: 100, callDeadlineMs: 450 };
    device = new Device(cloud.port, { id, psk: "not the key" }, { proof: "mac", limits });
    await device.reaches(State.READY);
    assert.equal((await device.getToken(HOST)).status, "TIMEOUT");
    assert.equal(explain(device.auth).lastRefusal, Status.MAC_MISSING);
    assert.ok(device.auth.counters.macRefused >= 2);
    assert.deepEqual([cloud.stats.tokens, cloud.stats.requests], [0, {}]);
  });

  for (const [proof, name] of [
    ["password+key", "UNAUTHENTICATED"],
    ["digest", "UNAUTHENTICATED"],
  ] as const) {
    it(`a wrong key in ${proof} ends the call with ${name}`, async () => {
      cloud = await startCloud({ requireFrameProof: true });
      const { id, psk } = await cloud.addDevice({ id: ID });
      device = new Device(cloud.port, { id, psk: proof === "digest" ? "not the key" : psk }, { proof });
      await device.reaches(State.READY);
      if (proof === "password+key") await cloud.setPsk(id, "another key");
      assert.equal((await device.getToken(HOST)).status, name);
      assert.equal(cloud.stats.tokens, 0);
    });
  }

  it("a counter that was used is refused; the device asks for it, and goes on above it", async () => {
    cloud = await startCloud();
    device = new Device(cloud.port, await cloud.addDevice({ id: ID, counter: 1_000_000 }));
    assert.equal((await device.getToken(HOST)).status, "OK");
    assert.deepEqual(cloud.stats.connectsRefused, { password: 1 });
    assert.deepEqual([cloud.stats.recoveries, device.auth.counters.recoveries], [{ [ID]: 1 }, 1]);
  });

  it("a counter that was used for frames is refused; the device asks for it, and goes on above it", async () => {
    cloud = await startCloud();
    const known = await cloud.addDevice({ id: ID, counter: 1_000_000 });
    device = new Device(cloud.port, known, { proof: "mac" });
    assert.equal((await device.getToken(HOST)).status, "OK");
    assert.ok((cloud.stats.refused["mac-counter"] as number) >= 1);
    assert.deepEqual([cloud.stats.recoveries, device.auth.counters.recoveries], [{ [ID]: 1 }, 1]);
  });
});
