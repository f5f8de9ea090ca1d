import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { Client, type Reply } from "./client.js";

const ID = "device_123";
const PSK = "correct horse";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** The digest of protocol.md A4, written anew for this test. */
function digest(id: string, realm: string, psk: string, nonce: number, nc: number, cnonce: number): string {
  return sha256(
    `${sha256(`${id}:${realm}:${psk}`)}:${nonce}:${nc}:${cnonce}:auth:${sha256("dummy_method:dummy_uri")}`,
  );
}

describe("the digest of these tests", () => {
  it("gives the documented golden value", () => {
    const golden = digest("admin", "shellyplus1-test", "secret", 1_638_000_000, 1, 12345);
    assert.equal(golden, "93f0cf19035ba26cb78296dd465de07be3ca2891868d0f3d46131cf61d901cfb");
  });
});

describe("the cloud's proofs per frame", () => {
  let cloud: Cloud;
  let client: Client;
  let nowMs: number;

  async function start(options: CloudOptions, password?: string): Promise<void> {
    nowMs = 1_700_000_000_000;
    cloud = await startCloud({ now: () => nowMs, ...options });
    await cloud.addDevice({ id: ID, psk: PSK });
    client = await Client.open(cloud.mqttUrl, { id: ID, username: ID, ...(password && { password }) });
    await client.subscribe(`${ID}/rpc/#`);
  }

  afterEach(async () => {
    client.close();
    await cloud.close();
  });

  const hello = (more: object = {}) => client.call("/v1/Hello", {}, more);

  function challengeOf(reply: Reply): { nonce: number; realm: string } {
    assert.equal(reply.error?.code, 401);
    const { nonce, ...rest } = JSON.parse(reply.error?.message ?? "");
    assert.deepEqual(rest, {
      auth_type: "digest",
      nc: 1,
      realm: "api.mongoose-iot.com",
      algorithm: "SHA-256",
    });
    assert.ok(Number.isSafeInteger(nonce) && nonce > 0);
    return { nonce, realm: rest.realm };
  }

  function answer(challenge: { nonce: number; realm: string }, nc?: number, psk = PSK) {
    const { nonce, realm } = challenge;
    const response = digest(ID, realm, psk, nonce, nc ?? 1, 42);
    const auth = { realm, username: ID, nonce, cnonce: 42, response, algorithm: "SHA-256" };
    return { auth: nc === undefined ? auth : { ...auth, nc } };
  }

  it("an unproven connection is asked for a proof by a 401 with a digest challenge", async () => {
    await start({});
    challengeOf(await hello());
    assert.deepEqual(cloud.stats.refused, { "proof-missing": 1 });
  });

  it("a proven connection needs none, unless the cloud requires one", async () => {
    await start({}, PSK);
    assert.equal((await hello()).error, undefined);
    client.close();
    await cloud.close();
    await start({ requireFrameProof: true }, PSK);
    challengeOf(await hello());
    assert.equal((await hello({ key: PSK })).error, undefined);
  });

  it("the PSK or a token for the cloud's own API is a key", async () => {
    await start({});
    assert.equal((await hello({ key: PSK })).error, undefined);
    assert.equal((await hello({ key: await cloud.issueToken(ID) })).error, undefined);
    await cloud.addDevice({ id: "device_9", psk: "its own" });
    for (const key of [`${PSK}x`, "", 5, null, "its own", await cloud.issueToken("device_9")]) {
      assert.equal((await hello({ key })).error?.code, 401, String(key));
    }
    assert.equal(cloud.stats.refused["key-wrong"], 6);
  });

  it("a wrong key is refused over a proven connection too", async () => {
    await start({}, PSK);
    assert.equal((await hello({ key: "wrong" })).error?.code, 401);
  });

  it("a digest is accepted with and without nc", async () => {
    await start({});
    const challenge = challengeOf(await hello());
    assert.equal((await hello(answer(challenge))).error, undefined);
    assert.equal((await hello(answer(challenge, 2))).error, undefined);
    assert.equal((await hello(answer(challenge, 9))).error, undefined);
  });

  it("nc must rise: a used one is stale and gets a fresh challenge that works", async () => {
    await start({});
    const challenge = challengeOf(await hello());
    await hello(answer(challenge, 2));
    for (const nc of [2, 1, undefined, 0, -1, 2.5]) {
      const fresh = challengeOf(await hello(answer(challenge, nc)));
      assert.notEqual(fresh.nonce, challenge.nonce);
    }
    const last = challengeOf(await hello(answer(challenge, 1)));
    assert.equal((await hello(answer(last))).error, undefined);
    assert.deepEqual(cloud.stats.refused, { "proof-missing": 1, "digest-stale": 7 });
  });

  it("a nonce lives 60 s, is not another device's, and was given out by the cloud", async () => {
    await start({});
    const challenge = challengeOf(await hello());
    nowMs += 59_999;
    assert.equal((await hello(answer(challenge, 1))).error, undefined);
    nowMs += 1;
    challengeOf(await hello(answer(challenge, 2)));
    challengeOf(await hello(answer({ ...challenge, nonce: 12345 })));
    await cloud.addDevice({ id: "device_9" });
    const other = await Client.open(cloud.mqttUrl, { id: "device_9" });
    await other.subscribe("device_9/rpc/#");
    const theirs = challengeOf(await other.call("/v1/Hello"));
    other.close();
    challengeOf(await hello(answer(theirs)));
    assert.deepEqual(cloud.stats.refused, { "proof-missing": 2, "digest-stale": 3 });
  });

  it("unproved frames in a device's name do not push its nonce out", async () => {
    await start({});
    const challenge = challengeOf(await hello());
    for (let i = 0; i < 20; i++) assert.equal(challengeOf(await hello()).nonce, challenge.nonce);
    assert.equal((await hello(answer(challenge))).error, undefined);
    nowMs += 1;
    const second = challengeOf(await hello());
    nowMs += 30_000;
    assert.notEqual(challengeOf(await hello()).nonce, second.nonce);
    assert.equal((await hello(answer(second))).error, undefined);
  });

  it("a wrong or malformed digest is refused, and the nonce stays good", async () => {
    await start({});
    const challenge = challengeOf(await hello());
    const { auth } = answer(challenge);
    challengeOf(await hello(answer(challenge, 1, "wrong")));
    const bad = [
      { ...auth, username: "device_9" },
      { ...auth, realm: "else.example.com" },
      { ...auth, algorithm: "MD5" },
      { ...auth, response: 5 },
      { ...auth, cnonce: 43 },
      "digest",
      null,
    ];
    for (const one of bad) challengeOf(await hello({ auth: one }));
    assert.equal((await hello(answer(challenge, 1))).error, undefined);
    assert.deepEqual(cloud.stats.refused, { "proof-missing": 1, "digest-wrong": 2, "digest-malformed": 6 });
  });
});
