/** RabbitMQ, started with our sample that asks the cloud: devices prove themselves by counters, and find the way back. */

import assert from "node:assert/strict";
import { CertificateAuthority } from "../../host-sim/cloud/certificates.js";
import { type Cloud, type CloudEvent, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { type DeviceOptions, type SimulatedDevice, simulateDevice } from "../../host-sim/device.js";
import { Client } from "../cloud/client.js";
import { counterPassword, recoveryPassword } from "../cloud/passwords.js";
import { listening } from "../servers/listening.js";
import { freePort } from "../servers/process.js";
import { findRabbitmq, type HookedBroker, startHookedRabbitmq } from "../servers/rabbitmq.js";
import { START_LIMIT_MS } from "./sample-brokers.js";

const HOST = "app.example.com";
const DEVICE = "device_123";
const THIEF = "device_9";
const KEYS = { [DEVICE]: "the-device's-key", [THIEF]: "the-thief's-key" };
const SECRET = "what-the-broker-shows";
/** The highest counter that the cloud has of the device. */
const HIGHEST = 5_000;

describe("RabbitMQ with our sample that asks the cloud", () => {
  let ca: string;
  let httpPort: number;
  let broker: HookedBroker;
  let cloud: Cloud;
  let asked: CloudEvent[];
  let closing: (() => unknown)[];

  before(async function () {
    this.timeout(START_LIMIT_MS);
    const program = findRabbitmq(this);
    const authority = await CertificateAuthority.create("motekey test CA");
    const server = await authority.issue({ name: "broker", hosts: ["localhost", "127.0.0.1"] });
    ca = authority.cert;
    httpPort = await freePort();
    broker = await startHookedRabbitmq(program, { server, ca, httpPort, secret: SECRET });
  });

  after(async function () {
    this.timeout(START_LIMIT_MS);
    await broker?.close();
  });

  beforeEach(async () => {
    closing = [];
    asked = [];
    cloud = await attached();
  });

  afterEach(async () => {
    for (const close of closing.reverse()) await close();
  });

  /** A cloud that is asked by this broker, and its client. */
  async function attached(options: CloudOptions = {}): Promise<Cloud> {
    const started = await startCloud({
      broker: broker.url.replace("//", "//cloud:s%3Acret@"),
      brokerTls: { ca },
      httpPort,
      hook: { secret: SECRET },
      ...options,
    });
    closing.push(() => started.close());
    await started.addDevice({ id: DEVICE, psk: KEYS[DEVICE], counter: HIGHEST });
    await started.addDevice({ id: THIEF, psk: KEYS[THIEF], counter: HIGHEST });
    started.on((event) => {
      if (["admitted", "connect-refused", "recovered"].includes(event.event)) asked.push(event);
    });
    return started;
  }

  function connect(options: Partial<DeviceOptions> = {}): SimulatedDevice {
    const device = simulateDevice({ cloud: broker.plainUrl, id: DEVICE, psk: KEYS[DEVICE], ...options });
    closing.push(() => device.close());
    return device;
  }

  async function open(id: string, password: string, username = id): Promise<Client> {
    const client = await Client.open(broker.plainUrl, { id, username, password });
    closing.push(() => client.close());
    return client;
  }

  const isGood = (token: string): boolean => cloud.checkToken(token, HOST).active;
  const letIn = (id: string, proof: string) => ({ event: "admitted", id, proof });

  it("a device without TLS logs in by counter+mac, and has its tokens: RabbitMQ asks once for one connection", async () => {
    const device = connect({ counter: HIGHEST + 1 });
    const app = device.host(HOST);
    assert.ok(isGood((await app.getToken()).token));
    assert.deepEqual(await device.listTokens(), [HOST]);
    await app.revokeToken();
    assert.deepEqual(asked, [letIn(DEVICE, "counter")]);
    const { connects, losses, macRefused, recoveries } = device.auth.counters;
    assert.deepEqual([connects, losses, macRefused, recoveries], [1, 0, 0, 0]);
  });

  it("so does one over TLS by password+mac, and over WebSocket", async () => {
    const tls = { ca };
    for (const way of [
      { cloud: broker.url },
      { cloud: broker.webUrl as string, transport: "mqtt+ws" as const },
    ]) {
      const device = connect({ ...way, tls, proof: "password+mac" });
      assert.ok(isGood((await device.host(HOST).getToken()).token), way.cloud);
      device.close();
    }
    assert.deepEqual(cloud.stats.connectsRefused, {});
  });

  it("a device whose store was erased is back after one connection more, which asks for its counter", async () => {
    const device = connect({ counter: 1 });
    assert.ok(isGood((await device.host(HOST).getToken()).token));
    assert.deepEqual(asked, [
      { event: "connect-refused", id: DEVICE, returnCode: 4, reason: "password" },
      letIn(`${DEVICE}-recover`, "recover"),
      { event: "recovered", id: DEVICE, counter: HIGHEST, recoveries: 1 },
      letIn(DEVICE, "counter"),
    ]);
    const { connects, recoveries, losses } = device.auth.counters;
    assert.deepEqual([connects, recoveries, losses], [1, 1, 0]);
    assert.deepEqual(cloud.health.recoveries, { told: 1, refused: 0 });
  });

  it("who asks for a counter reads and writes its own two topics only", async () => {
    const who = `${DEVICE}-recover`;
    let fill = 0;
    const recoverer = async (): Promise<Client> => {
      const client = await open(who, recoveryPassword(KEYS[DEVICE], DEVICE, fill++));
      assert.equal(client.returnCode, 0);
      return client;
    };
    for (const filter of [
      "#",
      "+/rpc",
      `${DEVICE}/rpc/#`,
      `${who}/#`,
      "cloud/from/+/rpc",
      `app/${DEVICE}/#`,
    ]) {
      const client = await recoverer();
      const granted = client.subscribe(filter).catch(() => 128);
      assert.equal(await Promise.race([granted, client.ended().then(() => 128)]), 128, filter);
    }
    for (const topic of [`cloud/from/${DEVICE}/rpc`, `${DEVICE}/rpc`, `${who}/rpc`, `app/${DEVICE}/x`]) {
      const client = await recoverer();
      client.publish(topic, "{}");
      await client.ended();
    }
    const client = await recoverer();
    assert.equal(await client.subscribe(`${who}/rpc/#`), 1);
    assert.equal((await client.call("/v1/Auth.GenerateToken", { host: HOST })).error?.code, 403);
    assert.equal((await client.call("/v1/Auth.Counter")).result.c, HIGHEST);
    assert.deepEqual(cloud.stats.requests, { "/v1/Auth.Counter": 1 });
  });

  it("a password that was recorded lets nobody in, nor does one under another's name or client id", async () => {
    const device = connect({ counter: HIGHEST + 1 });
    await device.ready();
    const own = (counter: number): string => counterPassword(KEYS[THIEF], THIEF, counter);
    assert.equal((await open(THIEF, own(HIGHEST + 1))).returnCode, 0);
    for (const [id, username, password] of [
      [THIEF, THIEF, own(HIGHEST + 1)],
      [DEVICE, THIEF, own(HIGHEST + 2)],
      [DEVICE, DEVICE, own(HIGHEST + 2)],
      [THIEF, `other:${THIEF}`, own(HIGHEST + 2)],
      ["cloud", "cloud", own(HIGHEST + 2)],
      ["guest", "guest", "guest"],
      [`${DEVICE}-recover`, `${DEVICE}-recover`, recoveryPassword(KEYS[THIEF], DEVICE, 1)],
    ] as const)
      assert.equal((await open(id, password, username)).returnCode, 4, `${username} as ${id}`);
    assert.ok(isGood((await device.host(HOST).generateToken()).token));
    assert.deepEqual([device.auth.counters.connects, device.auth.counters.losses], [1, 0]);
  });

  it("a device has no topic of another's", async () => {
    const device = connect({ counter: HIGHEST + 1 });
    await device.ready();
    let counter = HIGHEST;
    const thief = (): Promise<Client> => open(THIEF, counterPassword(KEYS[THIEF], THIEF, ++counter));
    for (const filter of ["#", `${DEVICE}/rpc`, "cloud/from/+/rpc"]) {
      const client = await thief();
      const granted = client.subscribe(filter).catch(() => 128);
      assert.equal(await Promise.race([granted, client.ended().then(() => 128)]), 128, filter);
    }
    for (const topic of [`cloud/from/${DEVICE}/rpc`, `${DEVICE}/rpc`]) {
      const client = await thief();
      client.publish(topic, JSON.stringify({ v: 2, src: DEVICE, id: 1, method: "/v1/Hello" }));
      await client.ended();
    }
    assert.ok(isGood((await device.host(HOST).generateToken()).token));
    assert.deepEqual([device.auth.counters.losses, device.auth.counters.foreign], [0, 0]);
  });

  it("a device that was revoked is refused, whatever it asks for", async () => {
    await cloud.disable(DEVICE);
    const device = connect({ counter: HIGHEST + 1, limits: { backoffBaseMs: 20 } });
    const refused = cloud.next("connect-refused", ({ id }) => id === `${DEVICE}-recover`);
    device.ready().catch(() => {});
    assert.equal((await refused).reason, "disabled");
    await device.next("WAITING");
    assert.equal(device.explain().name, "BAD_CREDENTIALS");
    assert.deepEqual([cloud.stats.admitted, cloud.health.recoveries.told], [0, 0]);
  });

  it("without the cloud nobody is let in, and with it again everybody", async () => {
    await cloud.close();
    const password = counterPassword(KEYS[DEVICE], DEVICE, HIGHEST + 1);
    assert.equal((await open(DEVICE, password)).returnCode, 4);
    cloud = await attached();
    assert.equal((await open(DEVICE, password)).returnCode, 0);
  });

  it("listens where the sample says, and nowhere else", function () {
    const places = listening(broker.pid) ?? this.skip();
    const ports = places.map((place) => Number(place.split(":")[1]));
    assert.deepEqual([...new Set(ports)].sort(), [...broker.ports].sort());
  });
});
