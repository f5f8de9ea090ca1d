import assert from "node:assert/strict";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { Client } from "./client.js";
import { MacDevice } from "./mac.js";

const ID = "device_123";
const HOST = "app.example.com";
const GENERATE = "/v1/Auth.GenerateToken";
const START_MS = 1_700_000_000_000;

describe("the cloud's fault knobs", () => {
  let cloud: Cloud;
  let psk: string;
  let device: Client;

  beforeEach(async () => {
    cloud = await startCloud({ now: () => START_MS });
    ({ psk } = await cloud.addDevice({ id: ID }));
    device = await Client.ready(cloud.mqttUrl, { id: ID, psk });
  });

  afterEach(async () => {
    device.close();
    await cloud.close();
  });

  const hello = (id: number, more: object = {}) =>
    JSON.stringify({ v: 2, src: ID, id, method: "/v1/Hello", ...more });

  it("latencyMs holds requests back and keeps their order", async () => {
    cloud.faults.latencyMs = 40;
    const sentAtMs = performance.now();
    device.send(hello(1));
    device.send(hello(2));
    assert.equal(JSON.parse(await device.message()).id, 1);
    assert.ok(performance.now() - sentAtMs >= 39);
    assert.equal(JSON.parse(await device.message()).id, 2);
  });

  it("dropRequests loses the next N before anything is done, and counts down", async () => {
    cloud.faults.dropRequests = 2;
    for (let id = 1; id <= 2; id++) {
      const seen = cloud.next("dropped");
      device.send(hello(id, { method: GENERATE, args: { host: HOST } }));
      assert.equal((await seen).reason, "fault-request");
    }
    assert.deepEqual([cloud.faults.dropRequests, cloud.stats.tokens], [0, 0]);
    assert.equal((await device.call("/v1/Hello")).error, undefined);
  });

  it("dropReplies carries the request out; the retry gets the stored reply", async () => {
    cloud.faults.dropReplies = 1;
    const seen = cloud.next("dropped");
    const frame = hello(1, { method: GENERATE, args: { host: HOST } });
    device.send(frame);
    assert.equal((await seen).reason, "fault-reply");
    device.send(frame);
    assert.equal(JSON.parse(await device.message()).id, 1);
    assert.deepEqual([cloud.stats.tokens, cloud.stats.repliesRepeated], [1, 1]);
  });

  it("doubleReplies delivers a reply twice, byte for byte, also under a MAC", async () => {
    cloud.faults.doubleReplies = true;
    device.send(hello(1));
    assert.equal(await device.message(), await device.message());
    const sealed = new MacDevice(psk, 1);
    device.send(sealed.seal(hello(2, { sec: sealed.sec })));
    assert.equal(await device.message(), await device.message());
    cloud.faults.doubleReplies = false;
    await device.call("/v1/Hello", {}, {});
    assert.equal(device.unread, 0);
  });

  it("error answers the next N with its code, retry_after only while that extension is there", async () => {
    cloud.faults.error = { code: 503, message: "later", retryAfter: 7, when: 2 };
    const { error } = await device.call(GENERATE, { host: HOST });
    assert.deepEqual(error, { code: 503, message: "later", retry_after: 7 });
    cloud.faults.extensions = { ...cloud.faults.extensions, retryAfter: false };
    assert.deepEqual((await device.call("/v1/Hello")).error, { code: 503, message: "later" });
    assert.equal((await device.call("/v1/Hello")).error, undefined);
    assert.equal(cloud.stats.tokens, 0);
  });

  it("a function chooses what a fault strikes", async () => {
    cloud.faults.error = { code: 429, when: ({ src, method }) => src === ID && method === GENERATE };
    cloud.faults.wrongId = ({ method }) => method === "/v1/Auth.ListToken";
    assert.equal((await device.call(GENERATE, { host: HOST })).error?.code, 429);
    assert.equal((await device.call("/v1/Hello", {}, { id: 5 })).id, 5);
    assert.equal((await device.call("/v1/Auth.ListToken", {}, { id: 6 })).id, 7);
    assert.equal((await device.call(GENERATE, { host: HOST })).error?.code, 429);
    cloud.faults.error = null;
    assert.equal((await device.call(GENERATE, { host: HOST })).error, undefined);
  });

  it("kickAfterConnack accepts the next N connections and closes them", async () => {
    cloud.faults.kickAfterConnack = 2;
    for (let i = 0; i < 2; i++) {
      const kicked = await Client.open(cloud.mqttUrl, { id: ID, username: ID, password: psk });
      assert.equal(kicked.returnCode, 0);
      await kicked.ended();
    }
    device = await Client.ready(cloud.mqttUrl, { id: ID, psk });
    assert.equal((await device.call("/v1/Hello")).error, undefined);
    assert.deepEqual([cloud.faults.kickAfterConnack, cloud.stats.connections], [0, 1]);
  });

  it("wrongId answers under the id plus one", async () => {
    cloud.faults.wrongId = 1;
    assert.equal((await device.call("/v1/Hello", {}, { id: 41 })).id, 42);
    assert.equal((await device.call("/v1/Hello", {}, { id: 43 })).id, 43);
  });

  it("wrongMac spoils the next MAC only", async () => {
    cloud.faults.wrongMac = 1;
    await device.call("/v1/Hello");
    const sealed = new MacDevice(psk, 1);
    device.send(sealed.seal(hello(2, { sec: sealed.sec })));
    const spoilt = sealed.open(await device.message());
    assert.deepEqual([spoilt.right, spoilt.sequence], [false, 0]);
    device.send(sealed.seal(hello(3)));
    const good = sealed.open(await device.message());
    assert.deepEqual([good.right, good.sequence], [true, 1]);
  });

  it("malformedReply sends other bytes, MAC'd where the reply would have been unless told not to", async () => {
    cloud.faults.malformedReply = { bytes: '{"v":2,' };
    device.send(hello(1));
    assert.equal(await device.message(), '{"v":2,');
    assert.equal((await device.call("/v1/Hello")).error, undefined);
    const sealed = new MacDevice(psk, 1);
    const malformed = { bytes: '{"v":3}', when: 2, mac: true };
    cloud.faults.malformedReply = malformed;
    device.send(sealed.seal(hello(2, { sec: sealed.sec })));
    const reply = sealed.open(await device.message());
    assert.deepEqual([reply.text, reply.right], ['{"v":3}', true]);
    malformed.mac = false;
    device.send(sealed.seal(hello(3)));
    assert.equal(await device.message(), '{"v":3}');
    device.send(sealed.seal(hello(4)));
    assert.equal(sealed.open(await device.message()).frame.id, 4);
    assert.equal(cloud.faults.malformedReply, null);
  });

  it("clockOffsetSeconds shifts the times that are told, not the lifetimes", async () => {
    const years = 50 * 365 * 86_400;
    cloud.faults.clockOffsetSeconds = -years;
    assert.equal((await device.call("/v1/Hello")).result.time, START_MS / 1000 - years);
    const { token, expires_in, issued_at } = (await device.call(GENERATE, { host: HOST })).result;
    assert.deepEqual([expires_in, issued_at], [3600, START_MS / 1000 - years]);
    const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
    assert.deepEqual([claims.iat, claims.exp], [issued_at, issued_at + 3600]);
    const check = cloud.checkToken(token, HOST);
    assert.equal(check.active && check.iat, START_MS / 1000);
  });

  it("extensions may be missing from the start, one by one", async () => {
    const partial = await startCloud({ extensions: { mac: false } });
    const client = await Client.ready(partial.mqttUrl, await partial.addDevice({ id: "a" }));
    assert.deepEqual((await client.call("/v1/Hello")).result.ext, { retry_after: 1, expires_in: 1, cbor: 1 });
    client.close();
    await partial.close();
    const none = await startCloud({ extensions: false });
    assert.deepEqual(none.faults.extensions, {
      retryAfter: false,
      expiresIn: false,
      mac: false,
      cbor: false,
      seal: false,
    });
    await none.close();
  });

  it("listTokenHosts makes a list of any length", async () => {
    await device.call(GENERATE, { host: HOST });
    cloud.faults.listTokenHosts = 30_000;
    const { result } = await device.call("/v1/Auth.ListToken");
    assert.equal(result.length, 30_001);
    assert.deepEqual([result[0], result[30_000]], [{ host: HOST }, { host: "app-29999.example.com" }]);
  });

  it("resultBeforeId and padReply change the members and nothing else", async () => {
    device.send(hello(1));
    const plain = JSON.parse(await device.message());
    cloud.faults.resultBeforeId = true;
    device.send(hello(1));
    const text = await device.message();
    assert.ok(text.indexOf('"result"') < text.indexOf('"id"'));
    assert.deepEqual(JSON.parse(text), plain);
    cloud.faults.resultBeforeId = false;
    cloud.faults.padReply = 5000;
    device.send(hello(1));
    const padded = await device.message();
    assert.ok(padded.indexOf('"pad"') < padded.indexOf('"id"'));
    assert.equal(padded.length, JSON.stringify(plain).length + 5000);
    const { pad, ...rest } = JSON.parse(padded);
    assert.deepEqual(rest, plain);
    assert.equal(pad.deep[0].text, "é");
  });

  it("rawReply sees the frame and may change or withhold it", async () => {
    cloud.faults.rawReply = ({ dst, id, method, text }) => `${dst} ${id} ${method} ${text.length}`;
    device.send(hello(1));
    assert.match(await device.message(), /^device_123 1 \/v1\/Hello \d+$/);
    cloud.faults.rawReply = () => Uint8Array.of(0x7b, 0x7d);
    device.send(hello(2));
    assert.equal(await device.message(), "{}");
    cloud.faults.rawReply = ({ id }) => (id === 3 ? null : undefined);
    const seen = cloud.next("dropped");
    device.send(hello(3));
    assert.equal((await seen).reason, "fault-reply");
    device.send(hello(4));
    assert.equal(JSON.parse(await device.message()).id, 4);
  });

  it("rawReply changes a challenge too", async () => {
    cloud.faults.rawReply = ({ text }) => text.replace("SHA-256", "MD5");
    const reply = await device.call("/v1/Hello", {}, { auth: {} });
    assert.equal(JSON.parse(reply.error?.message ?? "").algorithm, "MD5");
    cloud.faults.rawReply = () => null;
    const seen = cloud.next("dropped");
    device.send(hello(2, { key: "wrong" }));
    assert.equal((await seen).reason, "fault-reply");
  });

  it("publishRaw sends any bytes to a device", async () => {
    cloud.publishRaw(
      ID,
      '{"v":2,"src":"//api.mongoose-iot.com","dst":"device_123","id":1,"method":"/v1/Reboot"}',
    );
    assert.equal(JSON.parse(await device.message()).method, "/v1/Reboot");
  });

  it("knobs may be turned before the start", async () => {
    const broken = await startCloud({ faults: { error: { code: 503, when: true }, wrongId: 1 } });
    const client = await Client.ready(broken.mqttUrl, await broken.addDevice({ id: "a" }));
    const reply = await client.call("/v1/Hello", {}, { id: 1 });
    assert.deepEqual([reply.error?.code, reply.id], [503, 2]);
    client.close();
    await broken.close();
  });
});
