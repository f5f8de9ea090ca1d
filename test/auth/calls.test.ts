/** Calls from their asking to their end: places, attempts, deadlines. */

import assert from "node:assert/strict";
import { Status } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { APP, muteWorld, names, World } from "./world.js";

describe("the call table", () => {
  it("that is full tells one caller more BUSY, and has room again when a call has ended", () => {
    const world = new World({ limits: { calls: 2 } }).ready();
    const outcomes = [world.list(), world.authenticate(), world.authorize(), world.list()];
    world.advance(1_000);
    assert.deepEqual(names(outcomes), ["OK", "OK", "returned BUSY", "returned BUSY"]);
    assert.equal(world.peer.asked("AuthorizeCommand").length, 0);
    const later = world.authorize();
    world.advance(1_000);
    assert.equal(later.name, "OK");
  });

  it("that is full lets token calls wait for a place", () => {
    const world = new World({ limits: { calls: 1 } }).ready();
    const list = world.list();
    const tokens = [world.get("a"), world.get("b")];
    world.advance(1_000);
    assert.deepEqual(names([list, ...tokens]), ["OK", "OK", "OK"]);
  });

  it("has a place of its own for Hello: a full one connects as well", () => {
    const world = new World({ limits: { calls: 1 } });
    const list = world.list();
    world.advance(1_000);
    assert.equal(list.name, "OK");
    assert.equal(world.peer.requests.length, 2);
  });
});

describe("a call", () => {
  it("that is not answered is published again under the same id, and ends with TIMEOUT at its deadline", () => {
    const world = muteWorld();
    const startMs = world.nowMs;
    const outcome = world.list();
    world.advance(30_000);
    assert.equal(outcome.name, "TIMEOUT");
    assert.equal(outcome.atMs - startMs, 20_000);
    const requests = world.peer.asked("ListToken");
    assert.deepEqual(
      requests.map(({ atMs }) => atMs - startMs - world.peer.latencyMs),
      [0, 6_000, 18_000],
    );
    assert.equal(new Set(requests.map(({ frame }) => frame.id)).size, 1);
    assert.equal(new Set(requests.map(({ packet }) => packet.messageId)).size, 3);
    assert.equal(world.client.counters.retries, 2);
    assert.equal(explain(world.client).name, "TIMEOUT", "it is what keeps the client from its work");
  });

  it("takes the answer to its first publishing after the second, and counts the other as unknown", () => {
    const world = muteWorld();
    const outcome = world.generate();
    world.advance(7_000);
    const [first, second] = world.peer.asked("GenerateToken");
    world.peer.reply(first, { result: { token: "one" } });
    world.peer.reply(second, { result: { token: "two" } });
    world.advance(100);
    assert.equal(outcome.token, "one");
    assert.equal(world.soon(APP, 0).token, "one");
    assert.equal(world.client.counters.unknownIds, 1);
  });

  it("gets its own answer, in whatever order the answers come", () => {
    const world = muteWorld();
    const outcomes = [world.authenticate(), world.authorize(), world.list(), world.generate()];
    world.advance(100);
    for (const request of world.peer.requests.slice(-4).reverse()) {
      world.peer.reply(request, world.service.answer(request));
    }
    world.advance(100);
    assert.deepEqual(names(outcomes), ["OK", "OK", "OK", "OK"]);
    assert.deepEqual([outcomes[0].value, outcomes[1].value, outcomes[3].token], [true, true, `${APP}#1`]);
  });

  it("whose answer comes after its deadline is not told again", () => {
    const world = muteWorld();
    const outcome = world.authorize();
    world.advance(21_000);
    world.peer.reply(world.peer.asked("AuthorizeCommand")[0], { result: true });
    world.advance(100);
    assert.equal(outcome.name, "TIMEOUT");
    assert.equal(world.client.counters.unknownIds, 1);
  });

  it("survives a lost connection, and keeps its deadline", () => {
    const world = muteWorld();
    const outcome = world.authorize();
    const startMs = world.nowMs;
    for (let i = 0; i < 5; i++) {
      world.advance(3_000);
      world.peer.kick();
    }
    world.advance(10_000);
    assert.equal(outcome.atMs - startMs, 20_000);
    assert.equal(new Set(world.peer.asked("AuthorizeCommand").map(({ frame }) => frame.id)).size, 1);
  });

  it("offline ends with what keeps the connection away, as soon as no attempt can come before its deadline", () => {
    const world = new World();
    world.peer.isReachable = false;
    const early = world.get();
    world.advance(25_000);
    assert.equal(early.name, "UNREACHABLE");
    world.advance(600_000);
    const before = world.nowMs;
    const late = [world.get(), world.list(), world.revoke("b.example.com")];
    world.advance(20_001);
    assert.deepEqual(names(late), ["UNREACHABLE", "UNREACHABLE", "UNREACHABLE"]);
    assert.ok(late[0].atMs - before <= 20_000);
  });

  it("with refused credentials ends with that", () => {
    const world = new World({ proof: "password" });
    world.peer.returnCode = 4;
    const outcomes = [world.get(), world.authenticate()];
    world.advance(1_000);
    assert.deepEqual(names(outcomes), ["BAD_CREDENTIALS", "BAD_CREDENTIALS"]);
    assert.equal(outcomes[0].atMs, 30, "at once: the next attempt comes after its deadline");
  });

  it("whose arguments do not fit the send buffer ends with TOO_LONG", () => {
    const world = new World().ready();
    let told = "";
    world.client.authenticate("x".repeat(2_000), { psk: "y" }, (status) => {
      told = Status[status];
    });
    world.advance(100);
    assert.equal(told, "TOO_LONG");
    assert.equal(world.soon().name, "OK");
  });

  it("has an id that rises by one, from a random 48-bit number on", () => {
    const firsts = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const world = new World({ seed });
      world.soon();
      world.generate();
      world.advance(100);
      const ids = world.peer.requests.map(({ frame }) => frame.id);
      assert.deepEqual(ids, [ids[0], ids[0] + 1, ids[0] + 2]);
      assert.ok(ids[0] >= 1 && ids[0] <= 2 ** 48);
      firsts.add(ids[0]);
    }
    assert.equal(firsts.size, 20);
    assert.ok([...firsts].some((id) => id > 2 ** 44));
  });
});
