import assert from "node:assert/strict";
import { inspect } from "node:util";
import { connectAsync } from "mqtt";
import { brokerFailure, brokerLoss } from "../../host-sim/cloud/broker-failure.js";
import { type Cloud, type CloudOptions, type HealthAnswer, startCloud } from "../../host-sim/cloud/index.js";
import { OpenBroker } from "../host-sim/open-broker.js";
import { findMosquitto, type Mosquitto, startMosquitto } from "../servers/mosquitto.js";
import { Client } from "./client.js";
import { MacDevice } from "./mac.js";

const ID = "device_123";
const PSK = "correct horse";
const OTHER = { id: "device_9", psk: "battery staple" };
const HOST = "app.example.com";
const GENERATE = "/v1/Auth.GenerateToken";

describe("the cloud attached to mosquitto", () => {
  let broker: Mosquitto;
  let cloud: Cloud;
  let clients: Client[];

  before(async function () {
    const users = [
      { id: ID, password: PSK },
      { id: OTHER.id, password: OTHER.psk },
    ];
    broker = await startMosquitto(findMosquitto(this), users);
  });

  after(() => broker?.close());

  beforeEach(() => {
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await cloud.close();
  });

  async function start(options: CloudOptions = {}): Promise<Client> {
    cloud = await startCloud({ broker: broker.cloudUrl, ...options });
    await cloud.addDevice({ id: ID, psk: PSK });
    return ready(ID, PSK);
  }

  async function ready(id: string, psk: string): Promise<Client> {
    const client = await Client.ready(broker.url, { id, psk });
    clients.push(client);
    return client;
  }

  it("says where its broker is, without user and password", async () => {
    await start();
    assert.deepEqual([cloud.mqttUrl, cloud.port], [broker.url, broker.port]);
  });

  it("asks for a proof in each frame, as it cannot see who may write where", async () => {
    const device = await start();
    const { error } = await device.call(GENERATE, { host: HOST });
    assert.equal(error?.code, 401);
    assert.equal(JSON.parse(error?.message ?? "").auth_type, "digest");
    const { result } = await device.call(GENERATE, { host: HOST }, { key: PSK });
    assert.equal(cloud.checkToken(result.token, HOST).active, true);
  });

  it("takes the connection for a proof where the topics are bound", async () => {
    const device = await start({ topicsBound: true });
    const { result } = await device.call(GENERATE, { host: HOST });
    assert.equal(cloud.checkToken(result.token, HOST).active, true);
  });

  it("keeps a MAC session across the device's connections and lets none fall back", async () => {
    const device = await start({ topicsBound: true });
    const sealed = new MacDevice(PSK, 1);
    const hello = (id: number) => ({ v: 2, src: ID, id, method: "/v1/Hello" });
    device.send(sealed.seal({ ...hello(1), sec: sealed.sec }));
    assert.equal(sealed.open(await device.message()).right, true);
    device.close();
    const again = await ready(ID, PSK);
    assert.equal((await again.call("/v1/Hello", {}, { id: 2 })).error?.code, 401);
    again.send(sealed.seal(hello(3)));
    const reply = sealed.open(await again.message());
    assert.deepEqual([reply.right, reply.sequence], [true, 1]);
  });

  it("a device cannot speak on another's topic, nor read its replies", async () => {
    const device = await start({ topicsBound: true });
    await cloud.addDevice(OTHER);
    const thief = await ready(OTHER.id, OTHER.psk);
    await thief.subscribe("#");
    thief.publish(`cloud/from/${ID}/rpc`, JSON.stringify({ v: 2, src: ID, id: 1, method: "/v1/Hello" }));
    thief.publish(`${ID}/rpc`, '{"forged":true}');
    assert.equal((await thief.call("/v1/Hello", {}, { src: ID })).error?.code, 403);
    assert.equal((await device.call("/v1/Hello")).error, undefined);
    assert.deepEqual([cloud.stats.requests, cloud.stats.refused], [{ "/v1/Hello": 1 }, { src: 1 }]);
    assert.deepEqual([device.unread, thief.unread], [0, 0]);
  });

  it("a device that names another's client id does not take its connection", async () => {
    const device = await start({ topicsBound: true });
    const thief = await Client.open(broker.url, { id: ID, username: OTHER.id, password: OTHER.psk });
    clients.push(thief);
    assert.equal(thief.returnCode, 0);
    assert.equal((await device.call("/v1/Hello")).error, undefined);
  });

  it("somebody whom the registry does not know is asked for a proof like anybody", async () => {
    await start();
    const stranger = await ready(OTHER.id, OTHER.psk);
    const { error } = await stranger.call("/v1/Hello", {}, { key: OTHER.psk });
    assert.equal(JSON.parse(error?.message ?? "").auth_type, "digest");
    assert.deepEqual(cloud.stats.refused, { unknown: 1 });
  });

  it("a request that the broker retained is carried out when it comes, and not again at a start of the cloud", async () => {
    const device = await start({ topicsBound: true });
    const topic = `cloud/from/${ID}/rpc`;
    const request = { v: 2, src: ID, id: 1, method: GENERATE, args: { host: HOST } };
    device.publish(topic, JSON.stringify(request), true);
    assert.ok(JSON.parse(await device.message()).result.token);
    await cloud.close();
    cloud = await startCloud({ broker: broker.cloudUrl, topicsBound: true });
    await cloud.addDevice({ id: ID, psk: PSK });
    assert.equal((await device.call("/v1/Hello")).error, undefined);
    assert.deepEqual([cloud.stats.requests, cloud.stats.dropped], [{ "/v1/Hello": 1 }, { retained: 1 }]);
    device.publish(topic, "", true);
    assert.equal((await device.call("/v1/Hello")).error, undefined);
  });

  it("a device's message of 40 MB costs a connection, which is reported, and the cloud comes back", async () => {
    const device = await start({ topicsBound: true });
    const lost = cloud.next("broker-lost");
    device.send(Buffer.alloc(40_000_000, "x"));
    assert.match((await lost).reason, /sent the cloud a packet of more than 1048576 bytes/);
    await cloud.next("broker-attached");
    assert.equal((await device.call("/v1/Hello")).error, undefined);
    assert.deepEqual([cloud.stats.dropped, cloud.health.status], [{ "packet-too-long": 1 }, "ok"]);
  });

  it("cannot kick another broker's clients, and says so", async () => {
    const device = await start({ topicsBound: true });
    assert.equal(cloud.kick(ID), false);
    cloud.restart();
    assert.equal((await device.call("/v1/Hello")).error, undefined);
  });
});

describe("the cloud attached to a broker that does not let it", () => {
  const SECRET = "s3cret";

  /** Starts a cloud that cannot attach; resolves with what it says, which never holds the password. */
  async function refusal(options: CloudOptions): Promise<Error> {
    const failure: Error = await startCloud(options).then(
      () => assert.fail("it started"),
      (error) => error,
    );
    assert.equal(inspect(failure, { depth: 9 }).includes(SECRET), false);
    return failure;
  }

  it("says what is wrong with the URL, without the password", async () => {
    for (const [broker, message] of [
      [`mqtt://cloud:${SECRET}@`, /^The broker's URL is none; give mqtt:\/\/user:password@host:port/],
      [`mqtt://cloud:${SECRET}@[::1`, /^The broker's URL is none/],
      [`cloud:${SECRET}@127.0.0.1`, /^The broker's URL begins with cloud:/],
      [`http://cloud:${SECRET}@127.0.0.1`, /^The broker's URL begins with http:/],
      [
        `mqtt://cloud:50%${SECRET}@127.0.0.1`,
        /^The password in the broker's URL has a % .*; write it as %25/,
      ],
      [`mqtt:///${SECRET}`, /^The broker's URL names no host/],
    ] as const) {
      assert.match((await refusal({ broker })).message, message);
    }
  });

  it("says which: a closed port, an unknown name, TLS or none, wrong password; the cause is kept", async () => {
    const closed = await refusal({ broker: `mqtt://cloud:${SECRET}@127.0.0.1:1` });
    assert.match(
      closed.message,
      /^Cannot connect to the broker mqtt:\/\/127\.0\.0\.1:1: nothing listens on that port/,
    );
    assert.equal((closed.cause as NodeJS.ErrnoException).code, "ECONNREFUSED");
    const unknown = await refusal({ broker: `mqtt://cloud:${SECRET}@no-such-host.invalid` });
    assert.match(unknown.message, /its name (is not known|cannot be looked up); check the name, and DNS/);
    const other = await startCloud();
    const plain = await refusal({ broker: other.mqttUrl.replace("mqtt://", `mqtts://cloud:${SECRET}@`) });
    assert.match(plain.message, /closes the connection before it lets anybody in|TLS/);
    await other.addDevice({ id: "cloud_2", psk: "right" });
    const wrong = await refusal({ broker: other.mqttUrl.replace("//", `//cloud_2:${SECRET}@`) });
    assert.match(wrong.message, /it refuses user and password; check both$/);
    await other.close();
  });

  it("has a sentence for what no test can cause, and for what nobody knows", () => {
    assert.match(brokerFailure({ code: "EHOSTUNREACH" }), /^there is no route to it/);
    assert.match(brokerFailure({ code: "ENETUNREACH" }), /^there is no route to it/);
    assert.match(brokerFailure({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), /^the TLS handshake fails \(DEPTH/);
    assert.match(brokerFailure({ code: "EWHAT" }), /^the connection fails \(EWHAT\)/);
    assert.match(brokerFailure(new Error("connack timeout")), /^it does not answer/);
    assert.match(brokerFailure({ code: 3 }), /^it is there, but not ready/);
  });

  it("a password of any characters is used as it is", async function () {
    const passwords = ["with:colon", ":lead", "p@ss/w#rd?[]", "50%off", "gr\u00fc\u00df e", "a+b"];
    const users = passwords.map((password, index) => ({ id: `user_${index}`, password }));
    const rules = users.flatMap(({ id }) => [
      `user ${id}`,
      "topic read cloud/from/+/rpc",
      "topic read cloud/from/+/rpc-cbor",
    ]);
    const broker = await startMosquitto(findMosquitto(this), users, rules);
    for (const { id, password } of users) {
      const url = broker.url.replace("//", `//${id}:${encodeURIComponent(password)}@`);
      const cloud = await startCloud({ broker: url });
      await cloud.close();
    }
    await broker.close();
  });

  it("looks at every grant, and says which filter is refused", async () => {
    const other = await startCloud();
    const { psk } = await other.addDevice({ id: "cloud_2" });
    const { message } = await refusal({ broker: other.mqttUrl.replace("//", `//cloud_2:${psk}@`) });
    assert.match(
      message,
      /refuses the cloud cloud\/from\/\+\/rpc and cloud\/from\/\+\/rpc-cbor; let its user cloud_2 read/,
    );
    await other.close();
    const broker = await OpenBroker.start((topic) => topic !== "cloud/from/+/rpc-cbor");
    const second = await refusal({ broker: broker.url });
    assert.match(second.message, /refuses the cloud cloud\/from\/\+\/rpc-cbor; let its user/);
    await (await startCloud({ broker: broker.url, extensions: { cbor: false } })).close();
    await broker.close();
  });

  it("finds out that a broker grants what its rules forbid, by a request to itself", async function () {
    // mosquitto grants every SUBSCRIBE, and acknowledges every PUBLISH.
    const user = { id: "device_9", password: "nine" };
    const broker = await startMosquitto(findMosquitto(this), [user]);
    const { message } = await refusal({ broker: broker.url.replace("//", "//device_9:nine@") });
    assert.match(
      message,
      /does not carry requests to the cloud: one that its user device_9 sent to cloud\/from\/device_9\/rpc/,
    );
    assert.match(message, /Let that user write cloud\/from\/device_9\/rpc and read cloud\/from\/\+\/rpc/);
    await broker.close();
  });

  it("MQTT.js on a mosquitto without passwords for it is refused", async function () {
    const broker = await startMosquitto(findMosquitto(this), []);
    await assert.rejects(
      connectAsync(broker.url, { username: "cloud", password: "x", reconnectPeriod: 0 }, false),
    );
    await broker.close();
  });
});

describe("the cloud attached to a broker that comes and goes", () => {
  let broker: OpenBroker;
  let cloud: Cloud;
  const health = async () => {
    const response = await fetch(`${cloud.httpUrl}/health`);
    return { code: response.status, ...((await response.json()) as HealthAnswer) };
  };

  beforeEach(async () => {
    broker = await OpenBroker.start();
    cloud = await startCloud({ broker: broker.url.replace("//", "//cloud:secret@"), topicsBound: true });
    await cloud.addDevice({ id: ID, psk: PSK });
  });

  afterEach(async () => {
    await cloud.close();
    await broker.close();
  });

  it("comes back after refused connections, and says meanwhile what is wrong, by event and /health", async () => {
    const recoveries = { told: 0, refused: 0 };
    assert.deepEqual(await health(), { code: 200, status: "ok", troubles: {}, recoveries });
    const refused = cloud.next("broker-lost", ({ reason }) => /refuses user and password/.test(reason));
    broker.refuseNext(2);
    broker.drop();
    const { reason } = await refused;
    assert.deepEqual(await health(), {
      code: 503,
      status: "troubled",
      troubles: { broker: reason },
      recoveries,
    });
    assert.equal(cloud.health.status, "troubled");
    await cloud.next("broker-attached");
    assert.deepEqual(await health(), { code: 200, status: "ok", troubles: {}, recoveries });
    assert.equal(broker.refusedCount, 2);
    const device = await Client.ready(broker.url, { id: ID, psk: PSK });
    assert.equal((await device.call("/v1/Hello")).error, undefined);
    device.close();
  });

  it("says of a connection that the broker had accepted that it was closed, and of one that it had not why", async () => {
    const lost = cloud.next("broker-lost");
    broker.drop();
    const { reason } = await lost;
    assert.equal(reason, `Lost the broker ${broker.url}: it closed the connection; see the broker's log`);
    await cloud.next("broker-attached");
    const silence = Object.assign(new Error("read ETIMEDOUT"), { code: "ETIMEDOUT" });
    for (const [failure, said] of [
      [null, /it closed the connection/],
      [Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }), /it closed the connection/],
      [silence, /it does not answer any more/],
      [new Error("Keepalive timeout"), /it does not answer any more/],
      [Object.assign(new Error("bad record mac"), { code: "ERR_SSL_BAD" }), /failed \(ERR_SSL_BAD\)/],
    ] as const)
      assert.match(brokerLoss(failure), said);
  });

  /** The fixed header of a PUBLISH at QoS 0. */
  function publishHead(length: number): Uint8Array {
    const bytes = [0x30];
    for (let left = length; left > 0; left >>= 7) bytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    return Uint8Array.from(bytes);
  }

  it("a packet that announces more than 1 MiB ends the connection before its rest comes, and the cloud comes back", async () => {
    const lost = cloud.next("broker-lost");
    broker.say(publishHead(1_048_577));
    assert.match((await lost).reason, /sent the cloud a packet of more than 1048576 bytes/);
    assert.deepEqual(cloud.stats.dropped, { "packet-too-long": 1 });
    await cloud.next("broker-attached");
    const device = await Client.ready(broker.url, { id: ID, psk: PSK });
    assert.equal((await device.call("/v1/Hello")).error, undefined);
    device.close();
  });

  it("a packet of 1 MiB, in pieces, is read and dropped for its length", async () => {
    const topic = Buffer.from(`cloud/from/${ID}/rpc`);
    const dropped = cloud.next("dropped");
    broker.say(publishHead(1_048_576));
    broker.say(Uint8Array.of(0, topic.length));
    broker.say(topic);
    broker.say(Buffer.alloc(1_048_576 - 2 - topic.length, "x"));
    assert.deepEqual(await dropped, { event: "dropped", id: ID, reason: "too-long" });
    assert.equal(cloud.health.status, "ok");
  });

  it("looks at the grants and the way again whenever it comes back", async () => {
    const lost = cloud.next("broker-lost", ({ reason }) => /refuses the cloud/.test(reason));
    broker.mayRead = (topic) => !topic.startsWith("cloud/");
    broker.drop();
    await lost;
    broker.mayRead = () => true;
    await cloud.next("broker-attached");
    assert.equal(cloud.health.status, "ok");
  });
});
