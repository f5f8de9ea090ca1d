/** What a device with a store knows after a reboot or a sleep, and what it does not believe. */
import assert from "node:assert/strict";
import { reachableFrom } from "../host-sim/reachable.js";
import { Lives, methods } from "./lives.js";
import { APP } from "./world.js";

const OTHER = "b.example.com";
const HOUR_MS = 3_600_000;

/** A JWT that says nothing but how long it lives. */
const jwtOf = (lifetimeS: number, count: number): string =>
  ["{}", JSON.stringify({ iat: 1_000, exp: 1_000 + lifetimeS, n: count }), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");

describe("a device with a store, after a reboot of which nobody knows how long it took", () => {
  it("asks GetToken first, and serves the same token with what is left of it", () => {
    const lives = new Lives();
    assert.equal(lives.world.soon().token, `${APP}#1`);
    lives.crash();
    lives.time.advance(600_000);
    const outcome = lives.boot().soon();
    assert.equal(outcome.token, `${APP}#1`);
    assert.deepEqual(methods(lives.world), ["GetToken"]);
    assert.ok(outcome.remainingMs > 0 && outcome.remainingMs <= HOUR_MS - 600_000);
  });

  it("generates where the cloud has none any more, and at once for a host that it never knew", () => {
    const lives = new Lives();
    lives.world.soon();
    lives.crash();
    lives.time.advance(2 * HOUR_MS);
    assert.equal(lives.boot().soon().token, `${APP}#2`);
    assert.deepEqual(methods(lives.world), ["GetToken", "GenerateToken"]);
    assert.equal(lives.world.soon(OTHER).token, `${OTHER}#3`);
    assert.deepEqual(methods(lives.world).slice(2), ["GenerateToken"]);
  });

  it("asks too when the client had been closed in good order", () => {
    const lives = new Lives();
    lives.world.soon();
    lives.sleep(1_000);
    assert.equal(lives.boot().soon().token, `${APP}#1`);
    assert.deepEqual(methods(lives.world), ["GetToken"]);
  });

  const unsaid: Record<string, [make: (count: number) => string, tokenMaxAgeMs: number]> = {
    "a JWT, of which its claims tell the whole life only": [(count) => jwtOf(3_600, count), 2 * HOUR_MS],
    "an opaque token with a configured age": [(count) => `opaque${count}`, HOUR_MS],
  };
  for (const [what, [make, tokenMaxAgeMs]] of Object.entries(unsaid)) {
    it(`serves no token of the life before where the cloud says nothing of its end: ${what}`, () => {
      const lives = new Lives({ limits: { tokenMaxAgeMs } });
      lives.service.lifetimeS = undefined;
      lives.service.make = (_host, count) => make(count);
      assert.equal(lives.world.soon().token, make(1));
      for (let count = 2; count < 6; count++) {
        lives.crash();
        assert.equal(lives.boot().soon().token, make(count));
        assert.deepEqual(methods(lives.world), ["GetToken", "GenerateToken"]);
      }
    });
  }

  it("gives the places of hosts that the app asks for no more to new ones, each with one write", () => {
    const lives = new Lives({ proof: "password", limits: { hosts: 3, slots: 1 } });
    for (const host of ["a", "b", "c"]) lives.world.soon(host);
    lives.crash();
    for (const host of ["d", "e"]) {
      lives.boot().soon(host);
      const { writes } = lives.flash;
      lives.world.advance(HOUR_MS);
      assert.equal(lives.flash.writes, writes);
      lives.crash();
    }
    assert.equal(lives.flash.writes, 5);
    lives.boot().soon("e");
    assert.deepEqual(methods(lives.world), ["GetToken"]);
  });

  it("writes once for a host however often its token is refreshed and the device boots", () => {
    const lives = new Lives({ proof: "password" });
    for (let boots = 0; boots < 3; boots++) {
      for (let i = 0; i < 40; i++) lives.world.soon(APP, 600_000);
      assert.equal(lives.flash.writes, 1);
      lives.crash();
      lives.boot();
    }
    assert.ok(lives.service.count > 15);
  });
});

describe("a device with a store, after a sleep of known length", () => {
  it("serves its token without a question, with no more left of it than is so", () => {
    const lives = new Lives();
    lives.world.soon(APP, 100_000);
    lives.sleep(300_000);
    const world = lives.boot(300_000);
    world.peer.isReachable = false;
    const outcome = world.soon(APP, 0);
    assert.equal(outcome.token, `${APP}#1`);
    assert.deepEqual(methods(world), []);
    const leftMs = HOUR_MS - 400_000;
    assert.ok(
      outcome.remainingMs <= leftMs && outcome.remainingMs > leftMs - 2_000,
      `${outcome.remainingMs}`,
    );
  });

  it("does so sleep after sleep until the refresh is due, and has a new one before the end", () => {
    const lives = new Lives();
    let asked = 0;
    for (let wakes = 0; wakes < 60; wakes++) {
      const outcome = lives.world.soon(APP, 2_000);
      assert.equal(outcome.name, "OK");
      asked += methods(lives.world).length;
      lives.sleep(300_000);
      lives.boot(300_000);
    }
    assert.ok(
      lives.service.count >= 5 && lives.service.count <= 8,
      `${lives.service.count} tokens in 5 hours`,
    );
    assert.ok(asked <= lives.service.count, `${asked} requests`);
  });

  it("keeps the tokens of all hosts that are in memory, each for its host", () => {
    const lives = new Lives();
    lives.world.soon();
    lives.world.soon(OTHER);
    lives.sleep(1_000);
    const world = lives.boot(1_000);
    assert.deepEqual([world.soon(APP, 0).token, world.soon(OTHER, 0).token], [`${APP}#1`, `${OTHER}#2`]);
    assert.equal(world.soon("c.example.com").name, "OK");
    assert.deepEqual(methods(world), ["GenerateToken"]);
  });

  it("asks the cloud when the token's life ended in the sleep", () => {
    const lives = new Lives();
    lives.world.soon();
    lives.sleep(HOUR_MS);
    assert.equal(lives.boot(HOUR_MS).soon().token, `${APP}#2`);
    assert.deepEqual(methods(lives.world), ["GetToken", "GenerateToken"]);
  });

  it("asks the cloud after a crash, whatever the app says of the time", () => {
    const lives = new Lives();
    lives.world.soon();
    lives.crash();
    assert.equal(lives.boot(0).soon().token, `${APP}#1`);
    assert.deepEqual(methods(lives.world), ["GetToken"]);
    lives.sleep(0);
    assert.equal(lives.boot(0).soon(APP, 0).token, `${APP}#1`);
    lives.crash();
    lives.boot(0).soon();
    assert.deepEqual(methods(lives.world), ["GetToken"], "it was taken out of the store in the life before");
  });

  it("keeps a token that nobody names an end of as long as the limit says", () => {
    const lives = new Lives({ limits: { tokenMaxAgeMs: 20 * HOUR_MS } });
    lives.service.lifetimeS = undefined;
    lives.world.soon();
    lives.sleep(5 * HOUR_MS);
    const { token, remainingMs } = lives.boot(5 * HOUR_MS).soon(APP, 0);
    assert.equal(token, `${APP}#1`);
    assert.ok(remainingMs > 14 * HOUR_MS && remainingMs <= 15 * HOUR_MS, `${remainingMs}`);
    lives.sleep(16 * HOUR_MS);
    assert.equal(lives.boot(16 * HOUR_MS).soon().token, `${APP}#2`);
  });

  it("keeps none whose life is a guess, none with its successor under way, and none that does not fit", () => {
    const guess = new Lives({ limits: { tokenMaxAgeMs: HOUR_MS, slots: 1 } });
    guess.service.lifetimeS = undefined;
    guess.world.soon();
    guess.world.soon(OTHER);
    guess.world.peer.answer = (request) =>
      request.frame.method.endsWith("GenerateToken") ? undefined : guess.service.answer(request);
    assert.equal(guess.world.soon().token, `${APP}#1`, "evicted, and got back");
    const successor = new Lives();
    successor.world.soon();
    successor.world.peer.answer = () => undefined;
    successor.world.generate();
    successor.world.advance(100);
    const long = new Lives({ limits: { tokenBytes: 160 } });
    long.service.make = () => "x".repeat(160 - APP.length - 26);
    long.world.soon();
    for (const lives of [guess, successor, long]) {
      lives.sleep(0);
      lives.boot(0).soon();
      assert.equal(methods(lives.world)[0], "GetToken");
    }
    const fits = new Lives({ limits: { tokenBytes: 160 } });
    fits.service.make = () => "x".repeat(160 - APP.length - 27);
    fits.world.soon();
    fits.sleep(0);
    assert.equal(fits.boot(0).soon(APP, 0).name, "OK");
  });

  it("keeps one whose refresh cannot be sent, and refreshes it when it can", () => {
    const lives = new Lives();
    lives.world.soon();
    lives.world.peer.isReachable = false;
    lives.world.peer.kick();
    for (let i = 0; i < 57; i++) lives.world.soon(APP, 60_000);
    lives.sleep(60_000);
    assert.equal(lives.boot(60_000).soon(APP, 0).token, `${APP}#1`);
    lives.world.advance(1_000);
    assert.equal(lives.world.soon(APP, 0).token, `${APP}#2`);
  });

  it("writes twice for a sleep: the token goes into the store, and out", () => {
    const lives = new Lives({ proof: "password" });
    lives.world.soon();
    assert.equal(lives.flash.writes, 1);
    for (let sleeps = 1; sleeps <= 5; sleeps++) {
      lives.sleep(1_000);
      lives.boot(1_000).soon(APP, 0);
      assert.equal(lives.flash.writes, 1 + 2 * sleeps);
    }
  });

  it("serves it without a connection, and without a counter's write, to an app that suspends at once", () => {
    const lives = new Lives();
    lives.world.soon();
    const { writes } = lives.flash;
    lives.sleep(1_000);
    lives.boot(1_000).client.suspend();
    assert.equal(lives.world.soon(APP, 0).token, `${APP}#1`);
    lives.world.advance(1_000);
    assert.deepEqual([lives.world.peer.opens, lives.flash.writes - writes], [0, 2]);
    lives.world.client.resume();
    lives.world.ready();
  });

  it("does not use a token that it cannot take out of the store: a crash would give it that life again", () => {
    const lives = new Lives({ proof: "password" });
    lives.world.soon();
    lives.sleep(0);
    lives.flash.isWritable = false;
    lives.boot(0).peer.isReachable = false;
    assert.equal(lives.world.soon(APP, 30_000).name, "UNREACHABLE");
  });

  it("leaves its token in the store and nowhere in memory", () => {
    const lives = new Lives();
    lives.world.soon();
    lives.world.close();
    const token = Buffer.from(`${APP}#1`);
    const has = (bytes: Uint8Array): boolean => Buffer.from(bytes).includes(token);
    assert.equal([...lives.flash.values.values()].filter(has).length, 1);
    const { arrays } = reachableFrom(lives.world.client);
    const ours = arrays.filter(({ path }) => !/\.(store|link)\./.test(path));
    assert.ok(ours.length > 20, `${ours.length} arrays were looked at`);
    assert.deepEqual(
      ours.filter(({ value }) => has(value)).map(({ path }) => path),
      [],
    );
  });

  it("is refused a length that is none", () => {
    for (const sleptMs of [-1, Number.NaN])
      assert.throws(() => new Lives({ sleptMs }), /sleptMs is (-1|NaN); it must be a number from 0 on/);
  });
});
