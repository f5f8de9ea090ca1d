/** How long a token lives, by which clock, and how it is renewed while it serves. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import sinon from "sinon";
import { Status } from "../../firmware/index.js";
import { VirtualTime } from "./time.js";
import { APP, PSK, World, type WorldOptions } from "./world.js";

const HOUR_MS = 3_600_000;
const CALL_DEADLINE_MS = 20_000;

/** A JWT with these claims. */
const jwt = (claims: object): string =>
  `${Buffer.from('{"alg":"ES256"}').toString("base64url")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.sig`;

/** When the second token of a device was asked for, as part of the first one's life. */
const refreshedAt = (options: WorldOptions, lifetimeS: number): number => {
  const world = new World(options).ready();
  world.service.lifetimeS = lifetimeS;
  world.get();
  world.advance(lifetimeS * 1000);
  const [first, second] = world.peer.asked("GenerateToken");
  return (second.atMs - first.atMs) / (lifetimeS * 1000);
};

describe("a token's life", () => {
  it("ends when its lifetime is over, counted from the sending and not from the answer", () => {
    const world = new World().ready();
    world.peer.latencyMs = 4_000;
    world.service.lifetimeS = 10;
    const sentAtMs = world.nowMs;
    const outcome = world.soon(APP, 9_000);
    assert.equal(outcome.remainingMs, 2_000);
    world.peer.answer = () => undefined;
    const last = world.get();
    world.advance(sentAtMs + 10_000 - 1 - world.nowMs);
    assert.equal(last.token, outcome.token);
    assert.equal(world.soon(APP, 0).name, "OK");
    world.advance(1);
    assert.equal(world.soon(APP, 0).name, "pending");
  });

  it("of a request that had to be repeated counts from its first sending", () => {
    const world = new World().ready();
    const { answer } = world.peer;
    world.peer.answer = () => undefined;
    world.get();
    world.advance(7_000);
    world.peer.answer = answer;
    const outcome = world.get();
    world.advance(12_000);
    assert.equal(outcome.name, "OK");
    const [first, second, third] = world.peer.asked("GenerateToken");
    assert.deepEqual([second.frame.id, third.frame.id], [first.frame.id, first.frame.id]);
    assert.ok(outcome.remainingMs <= 3_600_000 - (third.atMs - first.atMs));
  });

  it("is neither lengthened nor shortened by a wall clock that steps by 50 years", () => {
    const run = (step: (nowMs: number) => void): (string | number)[] => {
      const world = new World();
      const seen: (string | number)[] = [];
      for (let i = 0; i < 40; i++) {
        step(i);
        const outcome = world.soon(APP, 240_000);
        seen.push(String(outcome.token), outcome.remainingMs, outcome.atMs);
      }
      return seen;
    };
    const wallClock = sinon.useFakeTimers({ toFake: ["Date"], now: 0 });
    try {
      const still = run(() => {});
      const FIFTY_YEARS_MS = 50 * 365.25 * 24 * HOUR_MS;
      assert.deepEqual(
        run((i) => wallClock.setSystemTime(i % 2 === 0 ? FIFTY_YEARS_MS : 0)),
        still,
      );
      assert.deepEqual(
        run(() => wallClock.setSystemTime(-FIFTY_YEARS_MS)),
        still,
      );
    } finally {
      wallClock.restore();
    }
  });

  it("is the JWT's exp − iat where the cloud names none, whatever the dates themselves are", () => {
    for (const iat of [0, 1_600_000_000, 4_000_000_000]) {
      const world = new World();
      world.service.lifetimeS = undefined;
      world.service.make = () => jwt({ iat, nested: { exp: 1 }, exp: iat + 600 });
      assert.equal(world.soon().remainingMs, 600_000 - 2 * world.peer.latencyMs);
    }
  });

  it("that GetToken's JWT would tell is not believed: it is renewed at once", () => {
    const world = new World({ limits: { slots: 1 } });
    world.service.lifetimeS = undefined;
    world.service.make = (host, count) => jwt({ iat: 1_000, exp: 4_600, host, count });
    const first = world.soon().token;
    world.soon("b.example.com");
    const back = world.get();
    world.advance(1_000);
    assert.equal(back.token, first);
    assert.equal(world.peer.asked("GetToken").length, 1);
    assert.equal(world.peer.asked("GenerateToken").length, 3);
    assert.notEqual(world.soon().token, first);
    world.advance(60_000);
    assert.equal(world.peer.asked("GenerateToken").length, 3, "once");
  });

  it("is limits.tokenMaxAgeMs where nobody names one", () => {
    const world = new World({ limits: { tokenMaxAgeMs: 100_000 } });
    world.service.lifetimeS = undefined;
    assert.equal(world.soon().remainingMs, 100_000 - 2 * world.peer.latencyMs);
  });

  const unknown: Record<string, (token: string) => object> = {
    "says nothing of it": (token) => ({ token }),
    "writes it as a text": (token) => ({ token, expires_in: "3600" }),
    "writes it below zero": (token) => ({ token, expires_in: -1 }),
    "names its end alone (exp without iat)": () => ({ token: jwt({ exp: 4_600 }) }),
    "names its end as a text": () => ({ token: jwt({ iat: "1000", exp: "4600" }) }),
  };
  for (const [what, result] of Object.entries(unknown)) {
    it(`is an hour by default where the cloud ${what}: no token is used for ever`, () => {
      const world = new World();
      world.peer.answer = ({ frame }) => ({ result: result(`t${frame.id}`) });
      assert.equal(world.soon().remainingMs, HOUR_MS - 2 * world.peer.latencyMs);
      world.advance(HOUR_MS);
      assert.equal(world.peer.asked("GenerateToken").length, 2, "refreshed before its end");
    });
  }

  it("cannot be without a limit", () => {
    assert.throws(() => new World({ limits: { tokenMaxAgeMs: 0 } }), /tokenMaxAgeMs must be at least 1/);
  });

  it("that is no JWT after all, or says less than it should, falls back the same way", () => {
    for (const token of [
      "a.b.c",
      "a.%%%.c",
      jwt({ exp: 5 }),
      jwt({ iat: 5, exp: 4 }),
      jwt([1]),
      "..",
      "x.e30",
    ]) {
      const world = new World({ limits: { tokenMaxAgeMs: 100_000 } });
      world.service.lifetimeS = undefined;
      world.service.make = () => token;
      const outcome = world.soon();
      assert.equal(outcome.token, token);
      assert.equal(outcome.remainingMs, 100_000 - 2 * world.peer.latencyMs, token);
    }
  });
});

describe("a refresh", () => {
  it("comes between 70 % and 90 % of the lifetime, spread over the fleet by each device's key", () => {
    const parts = Array.from({ length: 60 }, (_, i) => refreshedAt({ psk: `key of ${i}` }, 3_600));
    assert.ok(
      parts.every((part) => part >= 0.7 && part < 0.9001),
      parts.join(),
    );
    for (let from = 0.7; from < 0.89; from += 0.05) {
      const count = parts.filter((part) => part >= from && part < from + 0.05).length;
      assert.ok(count >= 5, `${count} of 60 from ${from} on`);
    }
  });

  it("comes at sent + lifetime × (0.70 + 0.20·h), h = HMAC-SHA-256(key, host ‖ generation)", () => {
    const digest = createHmac("sha256", PSK)
      .update(APP)
      .update(Buffer.from([0, 0, 0, 1]))
      .digest();
    const h = digest.readUIntBE(0, 6) / 2 ** 48;
    for (const seed of [1, 2, 3]) {
      const part = refreshedAt({ seed }, 3_600);
      assert.ok(Math.abs(part - (0.7 + 0.2 * h)) < 1e-5, `${part} is not ${0.7 + 0.2 * h}`);
    }
  });

  it("leaves room for two calls of the longest kind before the end", () => {
    for (let i = 0; i < 20; i++) {
      const restMs = (1 - refreshedAt({ psk: `key ${i}` }, 120)) * 120_000;
      assert.ok(restMs >= 2 * CALL_DEADLINE_MS - 20, `${restMs} ms are left`);
    }
  });

  it("comes at half of a lifetime that is too short for that", () => {
    for (const lifetimeS of [10, 30, 60]) {
      const part = refreshedAt({}, lifetimeS);
      assert.ok(part >= 0.5 && part < 0.51, `${part} of ${lifetimeS} s`);
    }
  });

  it("lets the old token serve until the new one is there, also when that takes long", () => {
    const world = new World();
    world.soon();
    world.peer.answer = (request) => {
      world.time.after(5_000, () => world.peer.reply(request, world.service.answer(request)));
      return undefined;
    };
    while (world.peer.asked("GenerateToken").length < 2) world.advance(1_000);
    assert.equal(world.soon(APP, 0).token, `${APP}#1`);
    assert.equal(world.soon(APP, 0).name, "OK");
    world.advance(6_000);
    assert.equal(world.soon(APP, 0).token, `${APP}#2`);
  });

  it("is made only for hosts that were asked for within the last lifetime", () => {
    const world = new World();
    world.soon("used.example.com");
    world.soon("left.example.com");
    // Both are refreshed once: both were asked for within the first lifetime.
    for (let i = 0; i < 5 * 12; i++) world.soon("used.example.com", 5 * 60_000);
    const hosts = world.peer.asked("GenerateToken").map(({ frame }) => frame.args.host);
    assert.equal(hosts.filter((host) => host === "left.example.com").length, 2);
    assert.ok(hosts.filter((host) => host === "used.example.com").length >= 5);
  });

  it("needs no second connection, and 48 hours of them drop none", () => {
    const world = new World();
    let told = 0;
    for (let i = 0; i < 48 * 12; i++) {
      const outcome = world.soon(APP, 5 * 60_000);
      assert.equal(outcome.name, "OK");
      assert.ok(i === 0 || outcome.atMs === world.nowMs - 5 * 60_000, "from memory, always");
      told++;
    }
    assert.equal(told, 576);
    assert.equal(world.peer.opens, 1);
    const count = world.peer.asked("GenerateToken").length;
    assert.ok(count >= 48 / 0.9 && count <= 48 / 0.7 + 1, `${count} tokens`);
  });

  it("that fails is counted and tried again while the old token serves", () => {
    const world = new World();
    world.soon();
    let refusals = 3;
    world.peer.answer = (request) =>
      request.frame.method === "/v1/Auth.GenerateToken" && refusals-- > 0
        ? { error: { code: 503, message: "later" } }
        : world.service.answer(request);
    for (let i = 0; i < 60; i++) assert.equal(world.soon(APP, 60_000).name, "OK");
    assert.equal(world.client.counters.refreshFailures, 3);
    assert.equal(world.soon(APP, 0).token, `${APP}#2`);
  });

  it("that the cloud refuses for good leaves the old token to its end, and then says why", () => {
    const world = new World();
    world.soon();
    world.peer.answer = (request) =>
      request.frame.method === "/v1/Hello" ? { result: {} } : { error: { code: 403, message: "no" } };
    for (let i = 0; i < 59; i++) assert.equal(world.soon(APP, 60_000).name, "OK");
    world.advance(60_000);
    const outcome = world.get();
    world.advance(400_000);
    assert.equal(outcome.name, "FORBIDDEN");
    assert.ok(world.client.counters.refreshFailures >= 2);
    assert.ok(world.peer.requests.length < 60, `${world.peer.requests.length} requests`);
  });

  it("that falls into an outage waits for the next connection, and the old token serves to its end", () => {
    const world = new World();
    world.soon();
    world.peer.isReachable = false;
    world.peer.kick();
    for (let i = 0; i < 59; i++) assert.equal(world.soon(APP, 60_000).token, `${APP}#1`);
    world.peer.isReachable = true;
    world.advance(600_000);
    assert.equal(world.soon().token, `${APP}#2`);
  });

  it("that falls into an outage longer than the token's life leaves nothing to reuse after the reconnect", () => {
    const world = new World();
    world.service.lifetimeS = 100;
    world.soon();
    world.peer.isReachable = false;
    world.peer.kick();
    world.advance(200_000);
    const inOutage = world.soon(APP, 20_001);
    assert.equal(inOutage.name, "UNREACHABLE");
    world.peer.isReachable = true;
    world.advance(301_000);
    assert.equal(world.soon().token, `${APP}#2`);
  });

  it("under way is joined by all who want a new token: one request, so that none ends the other's", () => {
    const world = new World();
    world.soon();
    world.peer.answer = () => undefined;
    const { generation } = world.soon(APP, 0);
    while (world.peer.asked("GenerateToken").length < 2) world.soon(APP, 1_000);
    const callers = [world.generate(), world.generate()];
    assert.equal(world.client.host(APP).rejected(generation), Status.OK);
    callers.push(world.get(), world.get());
    world.advance(100);
    const requests = world.peer.asked("GenerateToken");
    world.peer.reply(requests[1], world.service.answer(requests[1]));
    world.peer.answer = (request) => world.service.answer(request);
    world.advance(1_000);
    assert.deepEqual(
      callers.map(({ token }) => token),
      Array(4).fill(`${APP}#2`),
    );
    assert.equal(world.peer.asked("GenerateToken").length, 2);
  });

  it("makes up for a GenerateToken whose answer was lost: the cloud has a newer token than we, and ends ours soon", () => {
    const world = new World();
    world.soon();
    world.peer.answer = (request) => {
      world.service.answer(request);
      return undefined;
    };
    const lost = world.generate();
    world.advance(20_000);
    assert.equal(lost.name, "TIMEOUT");
    world.peer.answer = (request) => world.service.answer(request);
    for (let i = 0; i < 10; i++) assert.equal(world.soon(APP, 10_000).name, "OK");
    assert.equal(world.soon().token, world.service.current(APP));
  });

  it("answers callers of all tokens while one host's refresh is stuck", () => {
    const world = new World();
    world.soon("a.example.com");
    world.soon("b.example.com");
    world.peer.answer = (request) =>
      request.frame.args.host === "a.example.com" ? undefined : world.service.answer(request);
    for (let i = 0; i < 58; i++) {
      assert.equal(world.soon("a.example.com", 30_000).name, "OK");
      assert.equal(world.soon("b.example.com", 30_000).name, "OK");
    }
    world.advance(100_000);
    assert.equal(world.soon("b.example.com", 0).token, "b.example.com#3");
  });
});

describe("a clock", () => {
  const tokensOf = (reading: (ms: number) => number, time = new VirtualTime()): string[] => {
    const world = new World({ reading, time });
    return Array.from({ length: 30 }, () => {
      const { token, remainingMs } = world.soon(APP, 240_000);
      return `${token} ${remainingMs}`;
    });
  };
  const plain = tokensOf((ms) => ms);

  it("that wraps at 2^32 ms changes nothing", () => {
    assert.deepEqual(
      tokensOf((ms) => (2 ** 32 - HOUR_MS + ms) % 2 ** 32),
      plain,
    );
  });

  it("that wraps from 2^31 − 1 to −2^31 changes nothing", () => {
    assert.deepEqual(
      tokensOf((ms) => (2 ** 31 - HOUR_MS + ms) | 0),
      plain,
    );
  });

  it("that wraps while a call is under way ends the call in time", () => {
    const world = new World({ reading: (ms) => (2 ** 32 - 10_000 + ms) % 2 ** 32 }).ready();
    world.peer.answer = () => undefined;
    const outcome = world.get();
    world.advance(CALL_DEADLINE_MS + 1_000);
    assert.equal(outcome.name, "TIMEOUT");
    assert.ok(outcome.atMs >= CALL_DEADLINE_MS);
  });

  it("that is stepped back only makes tokens live as much longer as it was stepped", () => {
    const world = new World({ reading: (ms) => (ms < 100_000 ? ms : ms - 50_000) });
    world.soon(APP, 99_000);
    const outcome = world.soon(APP, 10_000);
    assert.equal(outcome.name, "OK");
    const later = world.soon(APP, 0);
    assert.ok(Math.abs(later.remainingMs - (3_600_000 - 59_000)) <= 60_000);
    assert.equal(later.token, `${APP}#1`);
  });

  it("that is stepped back by days does not stop the client", () => {
    const DAYS_MS = 5 * 24 * HOUR_MS;
    const world = new World({ reading: (ms) => (ms < 100_000 ? DAYS_MS + ms : ms) });
    for (let i = 0; i < 60; i++) assert.equal(world.soon(APP, 240_000).name, "OK");
    assert.equal(world.peer.opens, 1);
    assert.ok(world.service.count >= 4);
  });

  it("that is stepped forward, as by a sleep, ends what may be over, and the next call is answered at once", () => {
    const world = new World({ reading: (ms) => (ms < 100_000 ? ms : ms + 2 * HOUR_MS) });
    world.soon(APP, 100_000);
    const outcome = world.soon(APP, 10_000);
    assert.equal(outcome.name, "OK");
    assert.equal(outcome.atMs, 100_000 + 2 * world.peer.latencyMs);
    assert.equal(world.peer.asked("GetToken").length, 1);
  });
});
