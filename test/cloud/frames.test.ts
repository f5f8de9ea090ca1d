import assert from "node:assert/strict";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { Client } from "./client.js";

const HOST = "app.example.com";
const GENERATE = "/v1/Auth.GenerateToken";
const START_MS = 1_700_000_000_000;

describe("the cloud's frames", () => {
  let cloud: Cloud;
  let device: Client;
  let nowMs: number;

  beforeEach(async () => {
    nowMs = START_MS;
    cloud = await startCloud({ now: () => nowMs, tokens: { format: "opaque" } });
    device = await Client.ready(cloud.mqttUrl, await cloud.addDevice({ id: "device_123" }));
  });

  afterEach(async () => {
    device.close();
    await cloud.close();
  });

  /** Sends messages that must be dropped, each with the reason, and proves that none was answered. */
  async function dropped(messages: [string | Buffer, string][]): Promise<void> {
    for (const [message, reason] of messages) {
      const seen = cloud.next("dropped");
      device.send(message);
      assert.equal((await seen).reason, reason, message.toString("latin1").slice(0, 80));
    }
    await device.call("/v1/Hello");
    assert.equal(device.unread, 0);
  }

  it("args and params are the same; v may be left out; the tag comes back", async () => {
    device.send(
      `{"params":{"host":"${HOST}"},"method":"${GENERATE}","id":7,"src":"device_123","tag":"t","x":{"y":[]}}`,
    );
    const reply = JSON.parse(await device.message());
    assert.equal(typeof reply.result.token, "string");
    assert.deepEqual([reply.id, reply.tag], [7, "t"]);
  });

  it("another v is a 400, another dst a 404; an empty dst and the cloud's address are good", async () => {
    assert.equal((await device.call("/v1/Hello", {}, { v: 3 })).error?.code, 400);
    assert.equal((await device.call("/v1/Hello", {}, { v: "2" })).error?.code, 400);
    assert.equal((await device.call("/v1/Hello", {}, { dst: "device_9" })).error?.code, 404);
    for (const dst of ["", "//api.mongoose-iot.com"]) {
      assert.equal((await device.call("/v1/Hello", {}, { dst })).error, undefined, dst);
    }
  });

  it("what is no request is dropped without an answer", () =>
    dropped([
      ["", "malformed"],
      ["[]", "malformed"],
      ["null", "malformed"],
      ['{"v":2', "malformed"],
      [
        Buffer.from('{"v":2,"method":"/v1/Hello","src":"device_123","id":1,"x":"\xff"}', "latin1"),
        "malformed",
      ],
      ['{"v":2,"src":"device_123","id":1,"result":{}}', "no-request"],
      ['{"v":2,"src":"device_123","id":1,"method":5}', "no-request"],
    ]));

  it("an invalid id is dropped: there is nothing to answer to", () =>
    dropped(
      ["0", "-1", "1.5", "9007199254740992", '"7"', "null", "1e300"].map((id) => [
        `{"v":2,"src":"device_123","id":${id},"method":"/v1/Hello"}`,
        "invalid-id",
      ]),
    ));

  it("a request past its deadline or timeout is dropped; one before it is answered", async () => {
    const frame = (time: string) => `{"v":2,"src":"device_123","id":1,"method":"/v1/Hello",${time}}`;
    await dropped([
      [frame('"deadline":1699999999'), "deadline"],
      [frame('"timeout":-1'), "deadline"],
      [frame('"timeout":10,"deadline":1699999999'), "deadline"],
    ]);
    for (const more of [{ deadline: 1_700_000_001 }, { timeout: 1 }]) {
      assert.equal((await device.call("/v1/Hello", {}, more)).error, undefined);
    }
    assert.equal((await device.call("/v1/Hello", {}, { timeout: "1" })).error?.code, 400);
  });

  it("a timeout runs while the request waits", async () => {
    cloud.faults.latencyMs = 30;
    const seen = cloud.next("dropped");
    device.send('{"v":2,"src":"device_123","id":1,"method":"/v1/Hello","timeout":5}');
    await cloud.next("request");
    nowMs += 6000;
    assert.equal((await seen).reason, "deadline");
  });

  it("a frame of another src is a 403 to the topic's id", async () => {
    await cloud.addDevice({ id: "device_9" });
    const reply = await device.call(GENERATE, { host: HOST }, { src: "device_9" });
    assert.deepEqual([reply.error?.code, reply.dst], [403, "device_123"]);
    assert.equal((await device.call(GENERATE, { host: HOST }, { src: undefined })).error?.code, 403);
    assert.deepEqual(cloud.stats.refused, { src: 2 });
    assert.equal(cloud.stats.tokens, 0);
  });

  it("no reply is sent where none is wanted", async () => {
    const carriedOut = cloud.next("token");
    device.send(
      `{"v":2,"src":"device_123","id":1,"method":"${GENERATE}","args":{"host":"${HOST}"},"nr":true}`,
    );
    await carriedOut;
    await device.call("/v1/Hello");
    assert.equal(device.unread, 0);
  });

  it("a request that comes again gets the reply it got before, also while the first is under way", async () => {
    const frame = `{"v":2,"src":"device_123","id":9,"method":"${GENERATE}","args":{"host":"${HOST}"}}`;
    device.send(frame);
    device.send(frame);
    const first = await device.message();
    assert.equal(await device.message(), first);
    nowMs += 5000;
    device.send(frame);
    assert.equal(await device.message(), first);
    assert.deepEqual([cloud.stats.tokens, cloud.stats.repliesRepeated], [1, 2]);
  });

  it("another request under the same id is no repetition", async () => {
    const list = await device.call("/v1/Auth.ListToken", {}, { id: 123 });
    const generated = await device.call(GENERATE, { host: HOST }, { id: 123 });
    assert.deepEqual(list.result, []);
    assert.equal(typeof generated.result.token, "string");
  });

  it("16 replies are kept per device, the oldest leaves first", async () => {
    const token = async (id: number) => (await device.call(GENERATE, { host: HOST }, { id })).result.token;
    const first = await token(1);
    for (let id = 2; id <= 16; id++) await token(id);
    assert.equal(await token(1), first);
    await token(17);
    await token(18);
    assert.notEqual(await token(2), first);
    assert.equal(cloud.stats.tokens, 19);
  });

  it("a passing error is not kept: the retry is carried out", async () => {
    for (const code of [401, 429, 503]) {
      cloud.faults.error = { code };
      const refused = await device.call(GENERATE, { host: HOST }, { id: code });
      assert.equal(refused.error?.code, code);
      const retried = await device.call(GENERATE, { host: HOST }, { id: code });
      assert.equal(typeof retried.result.token, "string");
    }
    cloud.faults.error = { code: 500 };
    for (let i = 0; i < 2; i++) {
      assert.equal((await device.call(GENERATE, { host: HOST }, { id: 500 })).error?.code, 500);
    }
  });

  it("requests of one device are carried out in their order", async () => {
    const frame = (id: number, name: string) =>
      `{"v":2,"src":"device_123","id":${id},"method":"/v1/Auth.${name}","args":{"host":"${HOST}"}}`;
    device.send(frame(1, "GenerateToken"));
    device.send(frame(2, "RevokeToken"));
    const { token } = JSON.parse(await device.message()).result;
    assert.equal(JSON.parse(await device.message()).id, 2);
    assert.equal(cloud.checkToken(token, HOST).active, false);
  });
});
