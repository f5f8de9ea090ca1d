/** What others can do to a device on a broker that allows everything, and what its MAC makes of it. */

import assert from "node:assert/strict";
import { type Proof, State } from "../../firmware/index.js";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { explain } from "../../host-sim/explain.js";
import { Client } from "../cloud/client.js";
import { MacDevice } from "../cloud/mac.js";
import { Device, type DeviceOptions } from "./device.js";
import { OpenBroker } from "./open-broker.js";
import { frameOf, messagesIn, Tap } from "./tap.js";

const ID = "device_123";
const HOST = "app.example.com";
const GENERATE = "/v1/Auth.GenerateToken";
const ADDRESS = "//api.mongoose-iot.com";
const REQUEST_TOPIC = `cloud/from/${ID}/rpc`;
const REPLY_TOPIC = `${ID}/rpc`;
const SEALED = /\n\d+\.[A-Za-z0-9_-]{43}$/;

describe("an attacker on a broker that allows everything", () => {
  let broker: OpenBroker;
  let cloud: Cloud;
  let device: Device;
  let thief: Client;

  beforeEach(async () => {
    broker = await OpenBroker.start();
    cloud = await startCloud({ broker: broker.url });
    thief = await Client.open(broker.url, { id: "thief" });
    await thief.subscribe("#");
  });

  afterEach(async () => {
    device.close();
    thief.close();
    await cloud.close();
    await broker.close();
  });

  async function start(proof: Proof = "mac", options: DeviceOptions = {}): Promise<void> {
    device = new Device(broker.port, await cloud.addDevice({ id: ID }), { proof, ...options });
    await device.settled();
  }

  /** The next message that the thief overhears and that this accepts. */
  async function overhear(accepts: (frame: ReturnType<typeof frameOf>) => boolean): Promise<string> {
    for (;;) {
      const message = await thief.message();
      if (accepts(frameOf(message))) return message;
    }
  }

  const isGenerate = ({ method }: { method?: string }): boolean => method === GENERATE;

  it("a forged token for a request that it saw is refused: the real one arrives", async () => {
    await start();
    cloud.faults.dropReplies = 1; // what is forged comes before the answer to the next attempt
    const answer = device.getToken(HOST);
    const { id } = frameOf(await overhear(isGenerate));
    const forged = { v: 2, src: ADDRESS, dst: ID, id, result: { token: "forged", expires_in: 9_999 } };
    thief.publish(REPLY_TOPIC, JSON.stringify(forged));
    thief.publish(REPLY_TOPIC, `${JSON.stringify(forged)}\n1.${"A".repeat(43)}`);
    const { status, token } = await answer;
    assert.deepEqual([status, cloud.checkToken(token, HOST).active], ["OK", true]);
    assert.equal(device.auth.counters.macRefused, 2);
  });

  it("a forged error ends no call", async () => {
    await start();
    cloud.faults.dropReplies = 1; // what is forged comes before the answer to the next attempt
    const answer = device.getToken(HOST);
    const { id } = frameOf(await overhear(isGenerate));
    for (const code of [401, 403, 429, 503]) {
      const error = { code, retry_after: 3600, message: "forged" };
      thief.publish(REPLY_TOPIC, JSON.stringify({ v: 2, src: ADDRESS, dst: ID, id, error }));
    }
    assert.equal((await answer).status, "OK");
    assert.deepEqual([device.auth.counters.macRefused, explain(device.auth).code], [4, 0]);
  });

  it("a reply under another session's MAC is refused, under this one's it is a replay", async () => {
    await start();
    const old = device.getToken(HOST);
    const { id } = frameOf(await overhear(isGenerate));
    const reply = await overhear((frame) => frame.id === id && frame.result !== undefined);
    await old;
    thief.publish(REPLY_TOPIC, reply);
    await device.settled();
    assert.equal(device.auth.counters.macReplayed, 1);
    device.auth.suspend();
    await device.reaches(State.SUSPENDED);
    device.auth.resume();
    await device.settled();
    thief.publish(REPLY_TOPIC, reply);
    await device.settled();
    assert.deepEqual([device.auth.counters.macReplayed, device.auth.counters.macRefused], [1, 1]);
  });

  it("our own frames, sent back to us, are refused: the direction is in the MAC", async () => {
    await start();
    void device.getToken(HOST);
    thief.publish(REPLY_TOPIC, await overhear(isGenerate));
    await device.settled();
    assert.equal(device.auth.counters.macRefused, 1);
  });

  it("our frames, replayed on our topic, are dropped: their sequence was taken", async () => {
    await start();
    const answer = device.getToken(HOST);
    thief.publish(REQUEST_TOPIC, await overhear(isGenerate));
    assert.equal((await cloud.next("dropped")).reason, "mac-replayed");
    assert.equal((await answer).status, "OK");
    assert.equal(cloud.stats.tokens, 1);
  });

  it("our frames, changed on their way, are refused", async () => {
    await start();
    const refused = cloud.next("refused");
    void device.getToken(HOST);
    const message = await overhear(isGenerate);
    thief.publish(REQUEST_TOPIC, message.replace(HOST, "evil.example.org").replace(/\n\d+\./, "\n99."));
    assert.equal((await refused).reason, "mac-wrong");
    assert.equal((await device.generateToken(HOST)).status, "OK");
    assert.deepEqual(await device.listTokens(), { status: "OK", hosts: [HOST] });
  });

  it("a request without a MAC in our name is refused, before a session and in one", async () => {
    device = new Device(broker.port, await cloud.addDevice({ id: ID }), { proof: "mac" });
    const bare = (id: number): string =>
      JSON.stringify({ v: 2, src: ID, id, method: GENERATE, args: { host: HOST } });
    device.auth.suspend();
    const before = cloud.next("refused");
    thief.publish(REQUEST_TOPIC, bare(1));
    assert.equal((await before).reason, "proof-missing");
    device.auth.resume();
    await device.settled();
    const after = cloud.next("refused");
    thief.publish(REQUEST_TOPIC, bare(2));
    assert.equal((await after).reason, "mac-missing");
    await device.settled();
    assert.deepEqual([cloud.stats.tokens, device.auth.counters.macRefused], [0, 1]);
  });

  it("it cannot open a session in our name, nor end ours", async () => {
    await start();
    const guess = new MacDevice("a guess", 1_000_000);
    const frame = { v: 2, src: ID, id: 7, method: GENERATE, args: { host: HOST }, sec: guess.sec };
    const refused = cloud.next("refused");
    thief.publish(REQUEST_TOPIC, guess.seal(frame));
    assert.equal((await refused).reason, "mac-wrong");
    assert.equal((await device.getToken(HOST)).status, "OK");
    assert.deepEqual([cloud.stats.macSessions, device.auth.counters.retries], [1, 0]);
  });

  it("a forged Hello or challenge talks us into no weaker proof: every frame of ours keeps its MAC", async () => {
    const tap = await Tap.start(broker.port);
    // A 401 may mean that the counter is behind: the device asks for it, once, and waits as for any call.
    const limits = { callDeadlineMs: 60_000 };
    device = new Device(tap.port, await cloud.addDevice({ id: ID }), { proof: "mac", limits });
    cloud.faults.rawReply = ({ method, text }) =>
      method === "/v1/Hello" ? text.replace('"mac":1', '"none":1') : undefined;
    const answer = device.getToken(HOST);
    const { id } = frameOf(await overhear(isGenerate));
    const message = '{"auth_type":"digest","nonce":1,"nc":1,"realm":"r","algorithm":"SHA-256"}';
    thief.publish(REPLY_TOPIC, JSON.stringify({ v: 2, id, error: { code: 401, message } }));
    assert.equal((await answer).status, "OK");
    const [questions, messages] = [true, false].map((isQuestion) =>
      messagesIn(tap.sent()).filter((one) => (frameOf(one).method === "/v1/Auth.Counter") === isQuestion),
    ) as [string[], string[]];
    assert.ok(messages.length >= 2);
    for (const one of messages) assert.match(one, SEALED);
    // It asks for nothing else, and the forgery is followed no second time.
    assert.ok(questions.length <= 1, questions.join());
    assert.ok(device.auth.counters.losses <= 1);
    assert.equal(device.auth.counters.recoveries, 0);
  });

  it("an MD5 challenge is refused, and nothing is answered to it (digest)", async () => {
    cloud.faults.rawReply = ({ text }) => text.replace("SHA-256", "MD5");
    device = new Device(broker.port, await cloud.addDevice({ id: ID }), { proof: "digest" });
    assert.equal((await device.getToken(HOST)).status, "CHALLENGE_REFUSED");
    assert.equal(explain(device.auth).name, "CHALLENGE_REFUSED");
    assert.deepEqual(cloud.stats.requests, {});
  });

  it("a retained forgery greets us at every connection, is counted, and nothing else", async () => {
    const forged = JSON.stringify({ v: 2, src: ADDRESS, dst: ID, id: 1, result: { token: "forged" } });
    thief.publish(REPLY_TOPIC, forged, true);
    await start();
    await device.settled();
    assert.equal(device.auth.counters.macRefused, 1);
    assert.equal((await device.getToken(HOST)).status, "OK");
  });

  it("requests of strangers are not answered under a MAC, whatever they ask and how often", async () => {
    await start();
    for (let id = 1; id <= 20; id++) {
      thief.publish(REPLY_TOPIC, JSON.stringify({ v: 2, src: "thief", dst: ID, id, method: "/v1/Reboot" }));
      thief.publish(`${REPLY_TOPIC}/Reboot`, JSON.stringify({ v: 2, src: "thief", dst: ID, id }));
    }
    await device.settled();
    assert.equal((await device.getToken(HOST)).status, "OK");
    const { macRefused, requestsRefused } = device.auth.counters;
    assert.deepEqual([macRefused, requestsRefused], [40, 0]);
  });

  it("without a MAC a stranger is answered 404 once a second at most, and only at a valid id", async () => {
    await start("key");
    for (const src of ["#", "a/b", "", "+", "x".repeat(65), ID, "thief", "thief"]) {
      thief.publish(REPLY_TOPIC, JSON.stringify({ v: 2, src, dst: ID, id: 5, method: "/v1/Reboot" }));
    }
    await device.settled();
    const { requestsRefused, requestsDropped, echoes } = device.auth.counters;
    assert.deepEqual([requestsRefused, requestsDropped, echoes], [1, 6, 1]);
    const { error, dst } = frameOf(await overhear((frame) => frame.error !== undefined && frame.src === ID));
    assert.deepEqual([error.code, dst], [404, "thief"]);
  });

  it("a cloud that restarted and forgot the session: the device opens another on the same connection", async () => {
    await start();
    await device.getToken(HOST);
    cloud.restart();
    const opened = cloud.next("mac-session");
    const { status, token } = await device.generateToken(HOST);
    assert.deepEqual([status, cloud.checkToken(token, HOST).active], ["OK", true]);
    assert.ok((await opened).counter > 1);
    assert.deepEqual([device.auth.counters.connects, device.auth.counters.losses], [1, 0]);
  });

  it("what the cloud refused to the old session is not taken for a reply to the new one", async () => {
    await start();
    cloud.restart();
    assert.equal((await device.getToken(HOST)).status, "OK");
    assert.ok(device.auth.counters.macRefused >= 1, "the refusal came without a MAC");
    assert.equal(cloud.stats.tokens, 1);
  });
});
