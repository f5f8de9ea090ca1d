import assert from "node:assert/strict";
import { connectAsync } from "mqtt";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
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

  it("cannot kick another broker's clients, and says so", async () => {
    const device = await start({ topicsBound: true });
    assert.equal(cloud.kick(ID), false);
    cloud.restart();
    assert.equal((await device.call("/v1/Hello")).error, undefined);
  });
});

describe("the cloud attached to a broker that does not let it", () => {
  it("says what to check, without the password", async () => {
    await assert.rejects(startCloud({ broker: "mqtt://cloud:s3cret@127.0.0.1:1" }), ({ message }: Error) => {
      assert.match(message, /^Cannot connect to the broker mqtt:\/\/127\.0\.0\.1:1; check its address/);
      return !message.includes("s3cret");
    });
    const other = await startCloud();
    const { psk } = await other.addDevice({ id: "cloud" });
    const refused = other.mqttUrl.replace("//", `//cloud:${psk}x@`);
    await assert.rejects(startCloud({ broker: refused }), /check its address, user and password/);
    const unread = other.mqttUrl.replace("//", `//cloud:${psk}@`);
    await assert.rejects(
      startCloud({ broker: unread }),
      /refuses the cloud cloud\/from\/\+\/rpc; let its user read/,
    );
    await other.close();
  });

  it("MQTT.js on a mosquitto without passwords for it is refused", async function () {
    const broker = await startMosquitto(findMosquitto(this), []);
    await assert.rejects(
      connectAsync(broker.url, { username: "cloud", password: "x", reconnectPeriod: 0 }, false),
    );
    await broker.close();
  });
});
