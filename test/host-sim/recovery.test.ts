/** The way back of a counter (B8) against the mock cloud: over every road, and what others make of it. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { useFakeTimers } from "sinon";
import { mqtt, State, type Transport } from "../../firmware/index.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { mqttOverWebSocket, rpcOverWebSocket } from "../../firmware/websocket.js";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { explain } from "../../host-sim/explain.js";
import { recoveryMac } from "../auth/counter-keeper.js";
import { PSK } from "../auth/world.js";
import { Client } from "../cloud/client.js";
import { Device } from "./device.js";
import { frameOf, messagesIn, packetsIn, Tap } from "./tap.js";

const ID = "device_123";
const RECOVERER = `${ID}-recover`;
const HOST = "app.example.com";
const HIGHEST = 4_294_967_361;
const TOPIC = `cloud/from/${RECOVERER}/rpc`;
const QUESTION = { v: 2, src: RECOVERER, id: 7, method: "/v1/Auth.Counter", args: {} };

/** A recovery's password under a nonce of 16 equal bytes. */
function passwordOf(fill: number, id = ID): string {
  const nonce = Buffer.alloc(16, fill);
  return `${nonce.toString("base64url")}.${recoveryMac("q", id, nonce)}`;
}

const portOf = (url: string): number => Number(new URL(url).port);

describe("a device whose counter is behind, at the mock cloud", () => {
  let cloud: Cloud;
  let devices: Device[];
  let clients: Client[];

  beforeEach(() => {
    [devices, clients] = [[], []];
  });

  afterEach(async () => {
    for (const device of devices) device.close();
    for (const client of clients) client.close();
    await cloud.close();
  });

  async function start(options: CloudOptions = {}, counter = HIGHEST): Promise<void> {
    cloud = await startCloud(options);
    await cloud.addDevice({ id: ID, psk: PSK, counter });
  }

  function device(port: number, options: ConstructorParameters<typeof Device>[2] = {}): Device {
    const made = new Device(port, { id: ID, psk: PSK }, options);
    devices.push(made);
    return made;
  }

  /** Somebody who shows a recovery's password. */
  async function open(password: string, id = RECOVERER, username = id): Promise<Client> {
    const client = await Client.open(cloud.mqttUrl, { id, username, password });
    clients.push(client);
    return client;
  }

  const roads: Record<string, [Transport, (from: Cloud) => number]> = {
    "MQTT 3.1.1": [mqtt, (from) => from.port],
    "MQTT 5": [mqtt5, (from) => from.port],
    "MQTT over WebSocket": [mqttOverWebSocket(mqtt, "/mqtt"), (from) => portOf(from.wsUrl)],
    "MQTT 5 over WebSocket": [mqttOverWebSocket(mqtt5, "/mqtt"), (from) => portOf(from.wsUrl)],
    "RPC over WebSocket": [rpcOverWebSocket("/rpc"), (from) => portOf(from.rpcUrl)],
  };
  for (const [road, [transport, port]] of Object.entries(roads)) {
    for (const proof of ["counter+mac", "counter", "mac"] as const) {
      it(`is back after one question, and a token follows, over ${road} (${proof})`, async () => {
        await start({ requireFrameProof: false });
        const { auth, ...it } = device(port(cloud), { proof, transport });
        assert.equal((await (devices[0] as Device).getToken(HOST)).status, "OK", explain(auth).sentence);
        assert.deepEqual(
          [auth.counters.recoveries, cloud.stats.recoveries],
          [1, { [ID]: 1 }],
          it.identity.id,
        );
      });
    }
  }

  it("at a cloud that knows no MQTT 5 is asked for in 3.1.1", async () => {
    await start({ mqttVersion: 4 });
    assert.equal((await device(cloud.port, { transport: mqtt5 }).getToken(HOST)).status, "OK");
    assert.deepEqual(cloud.stats.recoveries, { [ID]: 1 });
  });

  it("with auth5+mac and password+mac too, whose frames alone are counted", async () => {
    await start();
    for (const proof of ["auth5+mac", "password+mac"] as const) {
      const [one] = [device(cloud.port, { transport: mqtt5, proof })];
      assert.equal((await one.getToken(HOST)).status, "OK", proof);
      one.close();
    }
    assert.deepEqual(cloud.stats.recoveries, { [ID]: 2 });
  });

  it("with a certificate, whose name may ask for its own counter and for no other's", async () => {
    cloud = await startCloud({ tls: { clientCertificates: "required" } });
    await cloud.addDevice({ id: ID, psk: PSK, counter: HIGHEST });
    await cloud.addDevice({ id: "device_9" });
    const [own, other] = [await cloud.issueCertificate(ID), await cloud.issueCertificate("device_9")];
    const codes = [];
    for (const { cert, key } of [own, other]) {
      const tls = { ca: cloud.ca as string, cert, key };
      const options = { id: RECOVERER, username: RECOVERER, password: passwordOf(1), tls };
      const client = await Client.open(cloud.mqttUrl, options);
      clients.push(client);
      codes.push(client.returnCode);
    }
    assert.deepEqual(codes, [0, 5]);
  });

  it("changes nothing in the cloud but a count: neither counters, sessions nor connections", async () => {
    await start({}, 5);
    const first = device(cloud.port, { counter: 100 });
    assert.equal((await first.getToken(HOST)).status, "OK");
    for (let i = 0; i < 3; i++) {
      const client = await open(passwordOf(i));
      await client.subscribe(`${RECOVERER}/rpc`);
      client.send(JSON.stringify(QUESTION));
      const { result } = JSON.parse(await client.message());
      assert.deepEqual(result, { c: 100, mac: recoveryMac("a", ID, Buffer.alloc(16, i), 100) });
      client.close();
    }
    assert.equal((await first.generateToken(HOST)).status, "OK");
    assert.deepEqual([first.auth.counters.connects, first.auth.counters.losses], [1, 0]);
    assert.equal(cloud.stats.macSessions, 1);
  });

  it("a recovery's principal reads and writes its own two topics only, and calls one method", async () => {
    await start({}, 5);
    await cloud.addDevice({ id: "device_9" });
    const client = await open(passwordOf(1));
    for (const filter of [
      "#",
      "+/rpc",
      `${ID}/rpc`,
      `${ID}/rpc/#`,
      `${RECOVERER}/rpc-cbor`,
      `${RECOVERER}/#`,
      `${RECOVERER}/rpc/x`,
      `app/${RECOVERER}/x`,
      `app/${ID}/x`,
      "app/#",
      TOPIC,
      "cloud/from/+/rpc",
      "$SYS/#",
      "device_9-recover/rpc",
    ])
      assert.equal(await client.subscribe(filter), 128, filter);
    assert.equal(await client.subscribe(`${RECOVERER}/rpc`), 1);
    assert.equal(await client.subscribe(`${RECOVERER}/rpc/#`), 1);
    client.close();
    for (const topic of [
      `cloud/from/${ID}/rpc`,
      `${TOPIC}-cbor`,
      `${RECOVERER}/rpc`,
      `${ID}/rpc`,
      `app/${RECOVERER}/x`,
      `app/${ID}/x`,
    ]) {
      const writer = await open(passwordOf(2));
      const refused = cloud.next("topic-refused", (event) => event.topic === topic);
      writer.publish(topic, JSON.stringify({ ...QUESTION, src: ID }));
      await refused;
      writer.close();
    }
    const caller = await open(passwordOf(3));
    await caller.subscribe(`${RECOVERER}/rpc`);
    for (const method of [
      "/v1/Hello",
      "/v1/Auth.GenerateToken",
      "/v1/Auth.ListToken",
      "Counter",
      "/v1/Auth.Authenticate",
    ]) {
      caller.send(JSON.stringify({ ...QUESTION, method, args: { host: HOST } }));
      assert.equal(JSON.parse(await caller.message()).error.code, 403, method);
    }
    caller.send(JSON.stringify({ ...QUESTION, src: ID }));
    assert.equal(JSON.parse(await caller.message()).error.code, 403);
    for (const message of ["", "x", "[]", "{}", '{"id":0}', '{"id":7}', "[".repeat(60_000)]) {
      caller.send(message);
    }
    caller.send(JSON.stringify(QUESTION));
    for (let text = await caller.message(); ; text = await caller.message()) {
      if (JSON.parse(text).result !== undefined) break;
      assert.equal(JSON.parse(text).error.code, 403);
    }
    assert.deepEqual([cloud.stats.tokens, cloud.stats.requests], [0, { "/v1/Auth.Counter": 1 }]);
  });

  it("a wrong key, a wrong name or no password at all is let in by nobody", async () => {
    await start();
    await cloud.addDevice({ id: "device_9" });
    const codes = [
      (await open(passwordOf(1).replace(/.$/, (c) => (c === "A" ? "B" : "A")))).returnCode,
      (await open(passwordOf(1), "device_9-recover")).returnCode,
      (await open(passwordOf(1), RECOVERER, ID)).returnCode,
      (await open(passwordOf(1), "nobody-recover")).returnCode,
      (await open(passwordOf(1), "-recover")).returnCode,
      (await open(PSK)).returnCode,
      (await open("")).returnCode,
      (await open(passwordOf(1), ID)).returnCode,
      (await Client.open(cloud.mqttUrl, { id: RECOVERER })).returnCode,
    ];
    assert.deepEqual(
      codes,
      codes.map(() => 4),
    );
    await cloud.disable(ID);
    assert.equal((await open(passwordOf(1))).returnCode, 5);
    assert.deepEqual(cloud.stats.recoveries, {});
  });

  it("what was recorded is worth nothing: its answer is refused, and it takes nobody's place", async () => {
    await start();
    const tap = await Tap.start(cloud.port);
    const one = device(tap.port);
    assert.equal((await one.getToken(HOST)).status, "OK");
    const isRecovery = (bytes: Buffer): boolean =>
      packetsIn(bytes).some((it) => it.cmd === "connect" && it.clientId === RECOVERER);
    const recorded = tap.recordings.find((it) => isRecovery(it.sent()));
    assert.ok(recorded !== undefined);
    const before = { ...one.auth.counters };
    for (let i = 0; i < 3; i++) {
      const socket = connect({ host: "127.0.0.1", port: cloud.port });
      socket.resume().write(recorded.sent());
      await once(socket, "close");
    }
    assert.equal((await one.generateToken(HOST)).status, "OK");
    assert.deepEqual(
      [one.auth.counters.losses, one.auth.counters.connects],
      [before.losses, before.connects],
    );
    // The answers name a counter, under the nonce of then: no device waits for it.
    const answers = messagesIn(recorded.received())
      .map(frameOf)
      .filter(({ result }) => result !== undefined);
    assert.equal(answers.length, 1);
  });

  it("who repeats a recorded question all the time locks the device out of nothing", async () => {
    await start();
    const codes = [];
    for (let i = 0; i < 12; i++) {
      const client = await open(passwordOf(1));
      codes.push(client.returnCode);
      client.close();
    }
    assert.deepEqual(codes, [0, 0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 5]);
    assert.equal((await device(cloud.port).getToken(HOST)).status, "OK");
  });

  it("is limited in rate, by the minute", async () => {
    let now = Date.now();
    await start({ now: () => now });
    const codes: number[] = [];
    const tries = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i++) {
        const client = await open(passwordOf(i));
        codes.push(client.returnCode);
        client.close();
      }
    };
    await tries(0, 22);
    assert.deepEqual(codes, [...Array(20).fill(0), 5, 5]);
    assert.deepEqual(cloud.stats.connectsRefused, { "recovery-rate": 2 });
    now += 60_001;
    await tries(22, 23);
    assert.equal(codes.at(-1), 0);
  });

  it("two devices with one key take turns, which the cloud reports", async () => {
    await start({}, 5);
    const often = cloud.next("recovered-often", ({ id }) => id === ID);
    const pair = [device(cloud.port), device(cloud.port)];
    const { recoveries } = await often;
    assert.ok(recoveries >= 3);
    for (const one of pair) one.close();
    assert.ok((cloud.stats.recoveries[ID] as number) >= 3);
  });

  it("once is no reason for a report", async () => {
    await start();
    let reports = 0;
    cloud.on(({ event }) => {
      if (event === "recovered-often") reports++;
    });
    const one = device(cloud.port);
    await one.reaches(State.READY);
    assert.equal((await one.getToken(HOST)).status, "OK");
    assert.equal(reports, 0);
  });

  it("a relay that forges or withholds the answer gets nothing from it, and the right one still counts", async () => {
    await start();
    let lies = 3;
    cloud.faults.rawReply = ({ method, text }) => {
      if (method !== "/v1/Auth.Counter" || lies-- <= 0) return text;
      return text.replace(/"c":\d+/, '"c":4503599627370400');
    };
    const one = device(cloud.port, { limits: { connectTimeoutMs: 300 } });
    assert.equal((await one.getToken(HOST)).status, "OK");
    assert.deepEqual([one.auth.counters.macRefused, one.auth.counters.recoveries], [3, 1]);
  });

  it("the connection that asks ends by itself, should nobody end it", async () => {
    const connectLimitMs = 60_000;
    await start({ connectLimitMs });
    const clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const client = await open(passwordOf(1));
      clock.tick(connectLimitMs);
      await client.ended();
      assert.equal(client.returnCode, 0);
    } finally {
      clock.restore();
    }
  });
});
