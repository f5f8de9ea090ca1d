import assert from "node:assert/strict";
import { type Cloud, type CloudEvent, startCloud } from "../../host-sim/cloud/index.js";
import { Client } from "./client.js";
import { MacDevice } from "./mac.js";

const ID = "device_123";
const HOST = "app.example.com";

describe("the cloud's events", () => {
  let cloud: Cloud;

  afterEach(() => cloud.close());

  it("tell a device's life in order", async () => {
    const events: CloudEvent[] = [];
    cloud = await startCloud({ log: (event) => events.push(event) });
    const client = await Client.ready(cloud.mqttUrl, await cloud.addDevice({ id: ID }));
    await client.call("/v1/Auth.GenerateToken", { host: HOST }, { id: 7 });
    const gone = cloud.next("disconnected");
    client.close();
    await gone;
    const method = "/v1/Auth.GenerateToken";
    assert.deepEqual(events, [
      { event: "connected", id: ID, proof: "password" },
      { event: "subscribed", id: ID, topics: [`${ID}/rpc/#`] },
      { event: "request", id: ID, requestId: 7, method, proof: "link" },
      { event: "token", id: ID, host: HOST, expiresInSeconds: 3600 },
      { event: "replied", id: ID, requestId: 7, method, code: 0, repeated: false },
      { event: "disconnected", id: ID },
    ]);
  });

  it("carry no secret, whatever happens", async () => {
    const told: string[] = [];
    cloud = await startCloud({ log: (event) => told.push(JSON.stringify(event)) });
    const { psk } = await cloud.addDevice({ id: ID });
    await cloud.addDevice({ id: "other" });
    const client = await Client.ready(cloud.mqttUrl, { id: ID, psk });
    const secrets = [psk, await cloud.issueToken(ID)];
    secrets.push((await client.call("/v1/Auth.GenerateToken", { host: HOST }, { key: psk })).result.token);
    await client.call("/v1/Hello", {}, { key: `${psk}x` });
    await client.call("/v1/Hello", {}, { src: "other", key: psk });
    const device = new MacDevice(psk, 1);
    const sealed = device.seal({ v: 2, src: ID, id: 1, method: "/v1/Hello", sec: device.sec });
    secrets.push(device.sec.n, sealed.slice(-43));
    client.send(sealed);
    const reply = await client.message();
    secrets.push(reply.slice(-43));
    (await Client.open(cloud.mqttUrl, { id: ID, username: ID, password: `${psk}x` })).close();
    client.close();
    await cloud.close();
    assert.ok(told.length >= 10);
    for (const line of told) {
      for (const secret of secrets) assert.ok(!line.includes(secret), line.slice(0, 60));
    }
  });

  it("can be waited for, with a predicate and a limit", async () => {
    cloud = await startCloud();
    const client = await Client.ready(cloud.mqttUrl, await cloud.addDevice({ id: ID }));
    const second = cloud.next("request", ({ requestId }) => requestId === 2);
    await client.call("/v1/Hello", {}, { id: 1 });
    await client.call("/v1/Hello", {}, { id: 2 });
    assert.equal((await second).requestId, 2);
    await assert.rejects(cloud.next("token", undefined, 5), /The cloud saw no event "token" within 5 ms/);
    const never = assert.rejects(cloud.next("token"), /The cloud closed before an event "token"/);
    client.close();
    await cloud.close();
    await never;
  });

  it("come to a listener until it leaves", async () => {
    cloud = await startCloud();
    const client = await Client.ready(cloud.mqttUrl, await cloud.addDevice({ id: ID }));
    let heard = 0;
    const leave = cloud.on(() => heard++);
    await client.call("/v1/Hello");
    leave();
    await client.call("/v1/Hello");
    assert.equal(heard, 2);
    client.close();
  });
});

describe("the end of the cloud", () => {
  let cloud: Cloud;

  afterEach(() => cloud.close());

  it("closes every connection, may be asked for twice, and frees the port", async () => {
    cloud = await startCloud();
    const client = await Client.ready(cloud.mqttUrl, await cloud.addDevice({ id: ID }));
    const ended = client.ended();
    await Promise.all([cloud.close(), cloud.close()]);
    await ended;
    const next = await startCloud({ port: cloud.port, httpPort: Number(new URL(cloud.httpUrl).port) });
    assert.equal(next.mqttUrl, cloud.mqttUrl);
    await next.close();
  });

  it("does not wait for requests that are held back, nor answer them", async () => {
    cloud = await startCloud({ faults: { latencyMs: 60_000 } });
    const client = await Client.ready(cloud.mqttUrl, await cloud.addDevice({ id: ID }));
    const seen = cloud.next("request");
    client.send(JSON.stringify({ v: 2, src: ID, id: 1, method: "/v1/Hello" }));
    await seen;
    await cloud.close();
    assert.equal(client.unread, 0);
  });
});
