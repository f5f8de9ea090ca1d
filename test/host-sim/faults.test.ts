/** What each fault of the cloud does to the firmware: over TCP, under the default proof unless a test says another. */

import assert from "node:assert/strict";
import { type Entropy, State } from "../../firmware/index.js";
import {
  type Cloud,
  type CloudEventOf,
  type CloudOptions,
  type StruckRequest,
  startCloud,
} from "../../host-sim/cloud/index.js";
import { explain } from "../../host-sim/explain.js";
import { NodeClock } from "../../host-sim/node/ports.js";
import { Device, type DeviceOptions } from "./device.js";
import { frameOf, messagesIn, Tap } from "./tap.js";

const HOST = "app.example.com";
const GENERATE = "/v1/Auth.GenerateToken";

/** Strikes the next `count` requests of a method; Hello goes its own way. */
const next = (count: number) => {
  let left = count;
  return (request: StruckRequest) => request.method === GENERATE && left-- > 0;
};

/** The longest waits that full jitter allows. */
const HIGHEST: Entropy = { fill: (bytes, from, to) => bytes.fill(0xff, from, to) };

describe("the firmware, when the cloud fails it:", () => {
  let cloud: Cloud;
  let device: Device;
  let requests: CloudEventOf<"request">[];
  let replies: CloudEventOf<"replied">[];

  async function start(options: DeviceOptions = {}, cloudOptions: CloudOptions = {}): Promise<void> {
    cloud = await startCloud(cloudOptions);
    requests = [];
    replies = [];
    cloud.on((event) => {
      if (event.event === "request" && event.method !== "/v1/Hello") requests.push(event);
      if (event.event === "replied" && event.method !== "/v1/Hello") replies.push(event);
    });
    device = new Device(cloud.port, await cloud.addDevice({ id: "device_123" }), options);
  }

  afterEach(async () => {
    device.close();
    await cloud.close();
  });

  const isGood = (token: string): boolean => cloud.checkToken(token, HOST).active;

  describe("slow answers", () => {
    it("a token's life runs from the request, not from the answer", async () => {
      await start({ clock: new NodeClock() });
      await device.settled();
      cloud.faults.latencyMs = 120;
      const { status, token, remainingMs } = await device.getToken(HOST);
      assert.deepEqual([status, isGood(token)], ["OK", true]);
      assert.ok(remainingMs <= 3_600_000 - 119, `${remainingMs} ms`);
    });

    for (const proof of ["password", "password+key", "counter+mac"] as const) {
      it(`an answer slower than an attempt still serves (${proof})`, async () => {
        await start({ proof, limits: { callAttemptMs: 150 } });
        await device.settled();
        cloud.faults.latencyMs = 250;
        const { status, token } = await device.getToken(HOST);
        assert.deepEqual([status, isGood(token)], ["OK", true]);
        const generated = requests.filter(({ method }) => method === GENERATE);
        assert.equal(new Set(generated.map(({ requestId }) => requestId)).size, 1);
        assert.equal(cloud.stats.tokens, 1);
      });
    }

    it("a call ends with TIMEOUT at its deadline when no answer comes, and not before", async () => {
      await start({ limits: { callAttemptMs: 100, callDeadlineMs: 350 } });
      await device.settled();
      cloud.faults.dropReplies = true;
      const askedAtMs = performance.now();
      assert.equal((await device.getToken(HOST)).status, "TIMEOUT");
      assert.ok(performance.now() - askedAtMs >= 349);
    });
  });

  describe("losses", () => {
    it("a lost request is published again under the same id", async () => {
      await start();
      const tap = await Tap.start(cloud.port);
      device.close();
      device = new Device(tap.port, device.identity, { counter: 10 });
      cloud.faults.dropRequests = next(2);
      const { status, token } = await device.getToken(HOST);
      assert.deepEqual([status, isGood(token)], ["OK", true]);
      const ids = messagesIn(tap.sent())
        .map(frameOf)
        .filter(({ method }) => method === GENERATE)
        .map(({ id }) => id);
      assert.deepEqual([ids.length, new Set(ids).size, cloud.stats.tokens], [3, 1, 1]);
      assert.ok(device.auth.counters.retries >= 2);
    });

    for (const proof of ["password", "counter+mac", "password+digest"] as const) {
      it(`after a lost reply the same id brings the stored one: one token is made (${proof})`, async () => {
        await start({ proof });
        await device.settled();
        cloud.faults.dropReplies = next(1);
        const { status, token } = await device.getToken(HOST);
        const [first, again] = replies.slice(-2);
        assert.deepEqual([status, isGood(token), cloud.stats.tokens], ["OK", true, 1]);
        assert.deepEqual(
          [first?.repeated, again?.repeated, again?.requestId],
          [false, true, first?.requestId],
        );
      });
    }
  });

  describe("answers that come twice", () => {
    it("under a MAC the second is a replay, counted, and the app is told once", async () => {
      await start();
      await device.settled();
      cloud.faults.doubleReplies = next(1);
      assert.equal((await device.getToken(HOST)).status, "OK");
      await device.settled();
      assert.deepEqual([device.auth.counters.macReplayed, device.auth.counters.unknownIds], [1, 0]);
    });

    it("without a MAC the second belongs to no call, counted", async () => {
      await start({ proof: "password" });
      await device.settled();
      cloud.faults.doubleReplies = next(1);
      assert.equal((await device.getToken(HOST)).status, "OK");
      await device.settled();
      assert.deepEqual([device.auth.counters.macReplayed, device.auth.counters.unknownIds], [0, 1]);
    });

    it("every reply of a life may come twice", async () => {
      await start({}, { faults: { doubleReplies: true } });
      assert.equal((await device.getToken(HOST)).status, "OK");
      assert.equal((await device.generateToken(HOST)).status, "OK");
      assert.deepEqual(await device.listTokens(), { status: "OK", hosts: [HOST] });
      assert.equal((await device.revokeToken(HOST)).status, "OK");
      assert.deepEqual([cloud.stats.tokens, cloud.stats.repliesRepeated], [2, 0]);
    });
  });

  describe("errors", () => {
    for (const code of [429, 503]) {
      it(`${code} with retry_after: the call is made again, not before that time`, async () => {
        await start();
        await device.settled();
        cloud.faults.error = { code, retryAfter: 1, when: next(1) };
        const askedAtMs = performance.now();
        const { status, token } = await device.getToken(HOST);
        assert.ok(performance.now() - askedAtMs >= 999);
        assert.deepEqual([status, isGood(token)], ["OK", true]);
        // The answer that was overcome ended no call.
        const { name, code: last } = explain(device.auth);
        assert.deepEqual([name, last], ["OK", 0]);
      });

      it(`${code} with a retry_after beyond the caller's deadline: told at once, and nothing more is sent`, async () => {
        await start();
        await device.settled();
        cloud.faults.error = { code, retryAfter: 600, when: next(Number.POSITIVE_INFINITY) };
        const name = code === 429 ? "THROTTLED" : "UNAVAILABLE";
        assert.equal((await device.getToken(HOST)).status, name);
        assert.equal((await device.getToken(HOST)).status, name);
        await device.settled();
        assert.equal(requests.filter(({ method }) => method === GENERATE).length, 1);
        assert.deepEqual([explain(device.auth).name, explain(device.auth).code], [name, code]);
      });
    }

    it("without the extension retry_after the backoff is our own", async () => {
      await start({}, { extensions: { retryAfter: false } });
      cloud.faults.error = { code: 503, retryAfter: 600, when: next(3) };
      const { status, token } = await device.getToken(HOST);
      assert.deepEqual([status, isGood(token), requests.length], ["OK", true, 4]);
    });

    it("a new request comes under a new id", async () => {
      await start();
      cloud.faults.error = { code: 503, when: next(1) };
      await device.getToken(HOST);
      assert.equal(new Set(requests.map(({ requestId }) => requestId)).size, 2);
    });

    for (const [code, name] of [
      [400, "BAD_ARGUMENTS"],
      [401, "UNAUTHENTICATED"],
      [403, "FORBIDDEN"],
      [404, "NOT_FOUND"],
      [501, "CLOUD_ERROR"],
      [-32_600, "CLOUD_ERROR"],
    ] as const) {
      it(`${code} ends the call with ${name} after one request`, async () => {
        await start();
        cloud.faults.error = { code, when: next(Number.POSITIVE_INFINITY) };
        assert.equal((await device.getToken(HOST)).status, name);
        assert.deepEqual([requests.length, explain(device.auth).code], [1, code]);
      });
    }
  });

  describe("connections that end", () => {
    it("a kick right after CONNACK does not reset the backoff: the waits double up to the cap", async () => {
      const limits = { backoffBaseMs: 60, backoffCapMs: 240 };
      await start({ entropy: HIGHEST, limits }, { faults: { kickAfterConnack: 4 } });
      const atMs: number[] = [];
      cloud.on(({ event }) => {
        if (event === "connected") atMs.push(performance.now());
      });
      assert.equal((await device.getToken(HOST)).status, "OK");
      assert.equal(atMs.length, 5);
      for (const [i, waitMs] of [60, 120, 240, 240].entries()) {
        const gapMs = (atMs[i + 1] as number) - (atMs[i] as number);
        assert.ok(gapMs >= waitMs - 2, `wait ${i}: ${gapMs} ms`);
      }
    });

    it("a kick while a request is under way: it goes out again on the next connection, one token is made", async () => {
      await start();
      await device.settled();
      cloud.faults.latencyMs = 60;
      const asked = cloud.next("request", ({ method }) => method === GENERATE);
      const token = device.getToken(HOST);
      const { requestId } = await asked;
      cloud.kick("device_123");
      assert.equal((await token).status, "OK");
      assert.equal(requests.at(-1)?.requestId, requestId);
      assert.deepEqual([cloud.stats.tokens, device.auth.counters.losses], [1, 1]);
    });

    it("a kept token serves while there is no connection", async () => {
      await start({ limits: { backoffBaseMs: 3000, backoffCapMs: 3000 }, entropy: HIGHEST });
      const { token } = await device.getToken(HOST);
      const lost = device.next(State.WAITING);
      cloud.kick("device_123");
      await lost;
      const cached = await device.getToken(HOST);
      assert.deepEqual([cached.status, cached.token, device.auth.state], ["OK", token, State.WAITING]);
    });
  });

  describe("wrong answers", () => {
    it("one under another id is counted and dropped, the call made again under its own", async () => {
      await start();
      await device.settled();
      cloud.faults.wrongId = next(1);
      assert.equal((await device.getToken(HOST)).status, "OK");
      assert.deepEqual([device.auth.counters.unknownIds, cloud.stats.tokens], [1, 1]);
    });

    it("one with a wrong MAC is refused and counted, its token never shown", async () => {
      await start();
      await device.settled();
      cloud.faults.wrongMac = next(1);
      const { status, generation } = await device.getToken(HOST);
      assert.deepEqual([status, generation, cloud.stats.tokens], ["OK", 1, 1]);
      const { macRefused, unknownIds } = device.auth.counters;
      assert.deepEqual([macRefused, unknownIds, explain(device.auth).lastRefusal], [1, 0, 58]);
    });

    for (const bytes of [
      "",
      "{",
      "[]",
      "nonsense",
      '{"v":3,"id":1}',
      '{"v":2,"id":1,"id":2}',
      '{"v":2,"id":1}}',
      "\u0000\u0001",
      '{"v":2,"id":1,"result":"\\ud800"}',
      "[".repeat(500),
    ]) {
      it(`malformed bytes ${JSON.stringify(bytes).slice(0, 40)} are counted, and the call is made again`, async () => {
        await start();
        await device.settled();
        cloud.faults.malformedReply = { bytes, when: next(1) };
        assert.equal((await device.getToken(HOST)).status, "OK");
        const { malformed, macRefused } = device.auth.counters;
        assert.deepEqual(
          [malformed + macRefused, cloud.stats.tokens, device.auth.counters.losses],
          [1, 1, 0],
        );
      });
    }

    it("one without its MAC is refused under a MAC session", async () => {
      await start();
      await device.settled();
      cloud.faults.malformedReply = { bytes: '{"v":2,"id":1}', mac: false, when: next(1) };
      assert.equal((await device.getToken(HOST)).status, "OK");
      assert.equal(device.auth.counters.macRefused, 1);
    });

    it("a result of another shape ends the call with BAD_RESULT", async () => {
      await start();
      cloud.faults.rawReply = ({ method, text }) =>
        method === GENERATE ? text.replace(/"result":.*/, '"result":{"tok":1}}') : undefined;
      assert.equal((await device.getToken(HOST)).status, "BAD_RESULT");
    });
  });

  describe("times and missing extensions", () => {
    for (const years of [-50, 50]) {
      it(`a cloud whose clock is ${years} years off changes no lifetime`, async () => {
        await start({}, { faults: { clockOffsetSeconds: years * 31_557_600 } });
        const { status, remainingMs } = await device.getToken(HOST);
        assert.equal(status, "OK");
        assert.ok(remainingMs > 3_590_000 && remainingMs <= 3_600_000, `${remainingMs} ms`);
      });

      it(`nor where only the JWT tells it (${years} years)`, async () => {
        const faults = { clockOffsetSeconds: years * 31_557_600 };
        await start({}, { faults, extensions: { expiresIn: false }, tokens: { lifetimeSeconds: 900 } });
        const { status, remainingMs } = await device.getToken(HOST);
        assert.equal(status, "OK");
        assert.ok(remainingMs > 890_000 && remainingMs <= 900_000, `${remainingMs} ms`);
      });
    }

    it("an opaque token without expires_in is used to the configured age, an hour by default", async () => {
      const cloudOptions: CloudOptions = { extensions: false, tokens: { format: "opaque" } };
      await start({ proof: "password" }, cloudOptions);
      const byDefault = await device.getToken(HOST);
      assert.ok(byDefault.remainingMs > 3_590_000 && byDefault.remainingMs <= 3_600_000);
      device.close();
      device = new Device(cloud.port, device.identity, {
        proof: "password",
        limits: { tokenMaxAgeMs: 60_000 },
      });
      const { remainingMs } = await device.getToken("other.example.com");
      assert.ok(remainingMs > 50_000 && remainingMs <= 60_000);
    });
  });

  describe("answers of another form", () => {
    it("the result before the id: a token fits the staging area", async () => {
      await start({}, { faults: { resultBeforeId: true } });
      const { status, token } = await device.getToken(HOST);
      assert.deepEqual([status, isGood(token)], ["OK", true]);
    });

    it("100 kB of unknown members before the id are skipped", async () => {
      await start({}, { faults: { padReply: 100_000 } });
      const { status, token } = await device.getToken(HOST);
      assert.deepEqual([status, isGood(token)], ["OK", true]);
    });
  });
});
