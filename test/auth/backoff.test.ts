/** The waits between connections, and between attempts of one call. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Status } from "../../firmware/index.js";
import { Backoff } from "../../firmware/time/backoff.js";
import { explain } from "../../host-sim/explain.js";
import { VirtualTime } from "./time.js";
import { APP, World } from "./world.js";

const CAP_MS = 300_000;

/** The waits between the connections that a device tried. */
const waits = (world: World): number[] => {
  const at = world.peer.openedAtMs;
  return at.slice(1).map((ms, i) => ms - at[i]);
};

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("the backoff", () => {
  it("waits anything between 0 and a bound that doubles from 1 s to 300 s", () => {
    const columns: number[][] = [];
    for (let seed = 0; seed < 60; seed++) {
      const world = new World({ seed });
      world.peer.isReachable = false;
      while (world.peer.opens < 13) world.advance(60_000);
      for (const [i, wait] of waits(world).slice(0, 12).entries()) {
        columns[i] ??= [];
        columns[i].push(wait - world.peer.latencyMs);
      }
    }
    for (const [i, column] of columns.entries()) {
      const boundMs = Math.min(CAP_MS, 1_000 * 2 ** i);
      assert.ok(
        column.every((wait) => wait >= 0 && wait <= boundMs + 1),
        `attempt ${i}: at most ${boundMs} ms`,
      );
      const middle = mean(column) / boundMs;
      assert.ok(middle > 0.35 && middle < 0.65, `attempt ${i}: spread evenly, mean ${middle} of its bound`);
    }
  });

  it("stays within its bounds for any random numbers, resets and floors", () => {
    const step = fc.record({
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      floorMs: fc.oneof(fc.constant(0), fc.nat(3_600_000)),
      spreadMs: fc.oneof(fc.constant(0), fc.nat(600_000)),
      restMs: fc.oneof(fc.constant(0), fc.nat(600_000)),
      resets: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(5_000), fc.nat(600_000), (steps, base, more) => {
        const capMs = base + more;
        const backoff = new Backoff(base, capMs);
        let attempts = 0;
        for (const { random, floorMs, spreadMs, restMs, resets } of steps) {
          if (resets) {
            backoff.reset();
            attempts = 0;
          }
          const isFirst = attempts === 0;
          const boundMs = Math.min(capMs, base * 2 ** attempts++);
          const waitMs = backoff.nextMs(random, floorMs, spreadMs, restMs);
          const leastMs = floorMs + (isFirst ? 0 : restMs);
          const mostMs = leastMs + Math.max(boundMs, spreadMs);
          assert.ok(waitMs >= leastMs && waitMs <= mostMs, `${waitMs} is not in ${leastMs} to ${mostMs}`);
          const cappedMs = backoff.cappedMs(random, 0);
          assert.ok(cappedMs >= capMs / 2 && cappedMs <= capMs);
        }
      }),
    );
  });

  it("without a base stays one, however often it fails", () => {
    const backoff = new Backoff(0, 1_000);
    for (let i = 0; i < 2_000; i++) assert.equal(backoff.nextMs(0.5, 0, 0, 0), 0, `wait ${i}`);
  });

  it("is reset by a session that was stable for 60 s", () => {
    const world = new World();
    world.peer.isReachable = false;
    world.advance(1_000_000);
    world.peer.isReachable = true;
    world.advance(400_000);
    world.ready().advance(60_000);
    world.peer.kick();
    const before = world.peer.opens;
    world.advance(1_001);
    assert.equal(world.peer.opens, before + 1, "within the first bound, 1 s");
  });

  it("is not reset by sessions that end before: kicks right after CONNACK wait longer and longer", () => {
    const means = Array.from({ length: 10 }, (_, seed) => {
      const world = new World({ seed });
      world.peer.intercept = (packet) => {
        if (packet.cmd === "subscribe") world.time.after(world.peer.latencyMs + 5, () => world.peer.kick());
        return false;
      };
      world.advance(3_600_000);
      assert.ok(world.client.counters.connects > 5);
      const last = waits(world).slice(9);
      assert.ok(last.some((wait) => wait > 60_000));
      return mean(last);
    });
    assert.ok(mean(means) > 100_000, `${mean(means)}`);
  });

  it("is not reset by a session of 59 s", () => {
    let longest = 0;
    for (let seed = 0; seed < 10; seed++) {
      const world = new World({ seed });
      world.peer.intercept = (packet) => {
        if (packet.cmd === "subscribe") world.time.after(59_000, () => world.peer.kick());
        return false;
      };
      world.advance(2_400_000);
      longest = Math.max(longest, ...waits(world).map((wait) => wait - 59_000));
    }
    assert.ok(longest > 100_000, `${longest}`);
  });

  for (const [returnCode, status] of [
    [1, Status.VERSION_REFUSED],
    [2, Status.CLIENT_ID_REFUSED],
    [4, Status.BAD_CREDENTIALS],
    [5, Status.NOT_AUTHORIZED],
  ]) {
    it(`is at its cap at once for ${Status[status]}, which time is not likely to mend, and goes on for ever`, () => {
      const world = new World({ proof: "password" });
      world.peer.returnCode = returnCode;
      world.advance(10 * 3_600_000);
      assert.ok(world.peer.opens > 100);
      for (const wait of waits(world)) assert.ok(wait >= CAP_MS / 2 && wait <= CAP_MS + 100, `${wait}`);
      assert.equal(explain(world.client).status, status);
      world.peer.returnCode = 0;
      world.advance(CAP_MS);
      assert.equal(world.soon().name, "OK");
      assert.equal(explain(world.client).status, Status.OK);
    });
  }

  it("of an unavailable server is the usual one", () => {
    const world = new World();
    world.peer.returnCode = 3;
    world.advance(10_000);
    assert.ok(world.peer.opens >= 3);
    assert.equal(explain(world.client).name, "SERVER_UNAVAILABLE");
  });

  it("of a refused subscription is at its cap", () => {
    const world = new World();
    world.peer.granted = 128;
    world.advance(CAP_MS / 2 - 1_000);
    assert.equal(world.peer.opens, 1);
    assert.equal(explain(world.client).name, "SUBSCRIPTION_REFUSED");
    world.advance(CAP_MS / 2 + 2_000);
    assert.equal(world.peer.opens, 2);
  });

  it("spreads 200 devices after an outage: no storm", () => {
    const time = new VirtualTime();
    const fleet = Array.from({ length: 200 }, (_, seed) => new World({ seed, time, deviceId: `d${seed}` }));
    for (const world of fleet) world.ready();
    time.advance(120_000);
    for (const world of fleet) {
      world.peer.isReachable = false;
      world.peer.kick();
    }
    time.advance(1_800_000);
    const backAtMs = time.nowMs;
    for (const world of fleet) world.peer.isReachable = true;
    time.advance(2 * CAP_MS);
    const cameMs = fleet.map(({ peer }) => peer.connects[1].atMs - backAtMs);
    const perTenSeconds = new Array<number>(60).fill(0);
    for (const ms of cameMs) perTenSeconds[Math.floor(ms / 10_000)]++;
    assert.ok(Math.max(...perTenSeconds) <= 25, `at once: ${perTenSeconds}`);
    assert.ok(cameMs.every((ms) => ms <= CAP_MS + 1_000));
    for (const { client } of fleet) client.close();
  });

  it("spreads 200 devices whose connections all drop at one moment", () => {
    const time = new VirtualTime();
    const fleet = Array.from({ length: 200 }, (_, seed) => new World({ seed, time, deviceId: `d${seed}` }));
    for (const world of fleet) world.ready();
    time.advance(120_000);
    const kickedAtMs = time.nowMs;
    for (const world of fleet) world.peer.kick();
    time.advance(2_000);
    const perTenth = new Array<number>(21).fill(0);
    for (const { peer } of fleet) perTenth[Math.floor((peer.connects[1].atMs - kickedAtMs) / 100)]++;
    assert.ok(Math.max(...perTenth) <= 45, `at once: ${perTenth}`);
    for (const { client } of fleet) client.close();
  });
});

describe("an error that may pass", () => {
  /** Answers GenerateToken with this error until told otherwise. */
  const throttled = (error: object, seed = 1): World => {
    const world = new World({ seed }).ready();
    world.peer.answer = (request) =>
      request.frame.method === "/v1/Auth.GenerateToken" ? { error } : world.service.answer(request);
    return world;
  };

  for (const [code, name] of [
    [429, "THROTTLED"],
    [503, "UNAVAILABLE"],
    [418, "UNAVAILABLE"],
    [500, "CLOUD_ERROR"],
    [504, "CLOUD_ERROR"],
  ]) {
    it(`${code} is tried again within the call's deadline, and then told as ${name}`, () => {
      const world = throttled({ code });
      const outcome = world.soon(APP, 21_000);
      assert.equal(outcome.name, name);
      assert.ok(outcome.atMs <= 21_000);
      const count = world.peer.asked("GenerateToken").length;
      assert.ok(count >= 3 && count <= 40, `${count} requests`);
      world.peer.answer = (request) => world.service.answer(request);
      let last = world.soon(APP, 25_000);
      for (let i = 0; i < 12 && last.name !== "OK"; i++) last = world.soon(APP, 25_000);
      assert.equal(last.name, "OK");
    });
  }

  it("names the time before which nothing is asked, with our jitter on top", () => {
    const afterMs = Array.from({ length: 20 }, (_, seed) => {
      const world = throttled({ code: 429, retry_after: 5 }, seed);
      const outcome = world.soon(APP, 5_000 + 1_000 + 100);
      const [first, second] = world.peer.asked("GenerateToken");
      assert.equal(outcome.name, "pending");
      return second.atMs - first.atMs;
    });
    assert.ok(Math.min(...afterMs) >= 5_000);
    assert.ok(Math.max(...afterMs) > Math.min(...afterMs) + 300, "jitter");
  });

  it("counts it from its answer, however long that took", () => {
    const world = new World().ready();
    const comesMs = 3_000;
    world.peer.answer = () => undefined;
    world.get(APP);
    world.advance(comesMs);
    const [first] = world.peer.asked("GenerateToken");
    world.peer.reply(first, { error: { code: 429, retry_after: 5 } });
    world.peer.answer = (request) => world.service.answer(request);
    world.advance(12_000);
    const [, second] = world.peer.asked("GenerateToken");
    const afterMs = second.atMs - first.atMs;
    assert.ok(afterMs >= comesMs - 100 + 5_000, `${afterMs} ms`);
  });

  it("with a time beyond the call's deadline ends the call at once, and the next ones too", () => {
    const world = throttled({ code: 429, retry_after: 100 });
    assert.equal(world.soon(APP, 100).name, "THROTTLED");
    assert.equal(world.soon(APP, 100).name, "THROTTLED");
    world.advance(100_000);
    assert.equal(world.peer.asked("GenerateToken").length, 1);
    world.peer.answer = (request) => world.service.answer(request);
    assert.equal(world.soon(APP, 2_000).name, "OK");
  });

  it("can ask for an hour at the most", () => {
    const world = throttled({ code: 503, retry_after: 1e9 });
    world.soon();
    world.peer.answer = (request) => world.service.answer(request);
    world.advance(3_600_000 - 2_000);
    const outcome = world.soon(APP, 100);
    assert.equal(outcome.name, "pending");
    assert.equal(world.peer.asked("GenerateToken").length, 1);
    world.advance(3_000);
    assert.equal(outcome.name, "OK");
  });

  it("that names a senseless time counts as one that names none", () => {
    for (const retry_after of [-5, "soon", null, {}]) {
      const world = throttled({ code: 429, retry_after });
      world.soon(APP, 1_200);
      assert.ok(world.peer.asked("GenerateToken").length >= 2);
    }
  });

  it("of one host does not hold up another's calls", () => {
    const world = new World().ready();
    world.peer.answer = (request) =>
      request.frame.args.host === "a"
        ? { error: { code: 429, retry_after: 50 } }
        : world.service.answer(request);
    world.get("a");
    assert.equal(world.soon("b").name, "OK");
  });
});

describe("an error that stays", () => {
  for (const [code, name] of [
    [400, "BAD_ARGUMENTS"],
    [401, "UNAUTHENTICATED"],
    [403, "FORBIDDEN"],
    [404, "NOT_FOUND"],
    [501, "CLOUD_ERROR"],
    [-7, "CLOUD_ERROR"],
    [123_456, "CLOUD_ERROR"],
  ]) {
    it(`${code} is told at once as ${name}, and explain() has the code`, () => {
      const world = new World().ready();
      world.peer.answer = () => ({ error: { code, message: "because" } });
      assert.equal(world.soon(APP, 100).name, name);
      assert.equal(world.peer.asked("GenerateToken").length, 1);
      assert.equal(explain(world.client).code, code);
      assert.equal(explain(world.client).name, name);
    });
  }
});
