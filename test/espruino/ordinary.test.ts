/** The ordinary round trip, which is taken without a turn, and the functions that are made on demand. */
import assert from "node:assert/strict";
import { withGroups } from "../../build/on-demand.mjs";
import type { LeanAuth } from "../../firmware/espruino/api.js";
import { type Cloud, type FaultOptions, startCloud } from "../../host-sim/cloud/index.js";
import { ended, nodeNatives, startLean } from "./device.js";

const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

describe("Espruino's ordinary round trip", () => {
  let cloud: Cloud;
  let auth: LeanAuth;
  let delays: number[];
  let lookups: number;

  beforeEach(async () => {
    cloud = await startCloud();
    await cloud.addDevice({ id: "device_123", psk: PSK });
    const natives = nodeNatives();
    delays = [];
    lookups = 0;
    auth = await startLean(
      {
        deviceId: "device_123",
        cloud: { host: "127.0.0.1", port: cloud.port },
        credential: { psk: PSK, counter: 1 },
      },
      {
        ...natives,
        setTimeout: (run, delayMs) => {
          delays.push(delayMs);
          return natives.setTimeout(run, delayMs);
        },
        read: (name) => {
          lookups++;
          return natives.read(name);
        },
      },
    );
    const app = auth.host("app.example.com");
    assert.equal((await ended(app.getToken.bind(app))).status, 0);
  });
  afterEach(async () => {
    auth.close();
    await cloud.close();
  });

  it("leaves at once and needs no turn, whose beginning is a timer of no delay", async () => {
    const app = auth.host("app.example.com");
    // Hello was asked last on this connection: with two more answers its own has come.
    for (let i = 0; i < 2; i++) assert.equal((await ended(app.generateToken.bind(app))).status, 0);
    delays.length = 0;
    lookups = 0;
    const before = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const { status, value } = await ended(app.generateToken.bind(app));
      assert.equal(status, 0);
      assert.equal(value?.generation, i + 4);
      assert.ok(cloud.checkToken(String(value?.token), "app.example.com").active);
      before.add(String(value?.token));
    }
    assert.equal(before.size, 20);
    assert.deepEqual(
      delays.filter((delay) => delay <= 0),
      [],
      "a turn was asked for",
    );
    assert.equal(lookups, 0, "Storage was read");
  });

  it("is left to a turn where two calls are under way, and both end", async () => {
    const one = auth.host("app.example.com");
    const two = auth.host("b.example.com");
    const ends = await Promise.all([
      ended(one.generateToken.bind(one)),
      ended(two.generateToken.bind(two)),
      ended(one.generateToken.bind(one)),
    ]);
    for (const { status } of ends) assert.equal(status, 0);
    assert.ok(delays.some((delay) => delay <= 0));
  });
});

describe("Espruino's ordinary round trip, when the cloud is not", () => {
  const FAULTS: [name: string, faults: FaultOptions][] = [
    ["a wrong MAC", { wrongMac: 1 }],
    ["another id", { wrongId: 1 }],
    ["the reply twice", { doubleReplies: 1 }],
    ["a lost reply", { dropReplies: 1 }],
    ["an unknown member", { padReply: 40 }],
    ["the result first", { resultBeforeId: true }],
    ["no JSON, under a right MAC", { malformedReply: { bytes: '{"v":2,"id":1}x' } }],
    [
      "JSON with a comma too many, under a right MAC",
      { malformedReply: { bytes: '{"v":2,"result":{"token":"t"},}' } },
    ],
    ["an error", { error: { code: 503, retryAfter: 0 } }],
  ];
  const BELIEVED = ["the reply twice", "an unknown member", "the result first", "an error"];
  for (const [name, faults] of FAULTS) {
    it(`gives a token that the cloud knows, or a status, after ${name}`, async () => {
      const cloud = await startCloud();
      await cloud.addDevice({ id: "device_123", psk: PSK });
      const auth = await startLean(
        {
          deviceId: "device_123",
          cloud: { host: "127.0.0.1", port: cloud.port },
          credential: { psk: PSK, counter: 1 },
          limits: { callAttemptMs: 100, callDeadlineMs: 4_000 },
        },
        nodeNatives(),
      );
      const app = auth.host("app.example.com");
      const ask = () => ended(app.generateToken.bind(app));
      for (let i = 0; i < 3; i++) assert.equal((await ask()).status, 0);
      const { token: before } = (await ended(app.getToken.bind(app))).value ?? {};
      Object.assign(cloud.faults, faults);
      const { status, value } = await ask();
      // What must not be believed is asked for again, under the same id.
      if (!BELIEVED.includes(name)) assert.ok(cloud.stats.repliesRepeated > 0 || status !== 0);
      if (status === 0) {
        assert.notEqual(value?.token, before);
        assert.ok(cloud.checkToken(String(value?.token), "app.example.com").active);
      } else assert.equal(value ?? null, null);
      Object.assign(cloud.faults, { padReply: 0, resultBeforeId: false });
      assert.equal((await ask()).status, 0, "and the next call succeeds");
      auth.close();
      await cloud.close();
    });
  }
});

describe("functions that are made on demand", () => {
  const BUNDLE = `
// a.ts
var total = 0;
function add(n) { total += n; return total; }
var twice = (n) => { add(n); return later(() => add(n)); };
// b.ts
function later(run) { return run(); }
var table = { add, twice };
`;
  const run = (text: string): number[] =>
    new Function(`${text}; return [twice(3), add(1), table.twice(2), table.add(5)];`)();

  it("do what they did, among each other, as values, and in functions that outlive their call", () => {
    assert.deepEqual(run(BUNDLE), [6, 7, 11, 16]);
    const grouped = withGroups(`${BUNDLE}\nvar results = [twice(3), add(1), table.twice(2), table.add(5)];`, {
      some: ["a.ts"],
    });
    assert.ok(!/^(function add|var twice)/m.test(grouped.slice(0, grouped.indexOf("function some"))));
    assert.deepEqual(new Function(`${grouped}; return results;`)(), [6, 7, 11, 16]);
  });

  it("are refused where a variable within a function has the name of one", () => {
    const shadowed = "// a.ts\nfunction add() {}\n// b.ts\nfunction sum() { const add = 1; return add; }\n";
    assert.throws(() => withGroups(shadowed, { some: ["a.ts"] }), /add is also a variable within a function/);
  });
});
