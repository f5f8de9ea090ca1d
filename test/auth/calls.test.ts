/** Calls from their asking to their end: places, attempts, deadlines, results, and the end of the client. */
import assert from "node:assert/strict";
import { type Proof, State, Status } from "../../firmware/index.js";
import { APP, type Outcome, World } from "./world.js";

const names = (outcomes: Outcome[]): string[] => outcomes.map(({ name }) => name);

/** A ready world whose cloud answers nothing. */
const muteWorld = (): World => {
  const world = new World().ready();
  world.advance(100);
  world.peer.answer = () => undefined;
  return world;
};

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
      [0, 6_000, 12_000, 18_000],
    );
    assert.equal(new Set(requests.map(({ frame }) => frame.id)).size, 1);
    assert.equal(new Set(requests.map(({ packet }) => packet.messageId)).size, 4);
    assert.equal(world.client.counters.retries, 3);
    assert.equal(world.client.explain().name, "OK", "the connection is fine");
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
    const world = new World();
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

describe("a result", () => {
  const verdicts: [string, unknown, string][] = [
    ["true", true, "OK true"],
    ["false", false, "OK false"],
    ["{success}", { success: true }, "OK true"],
    ["{success: false}", { success: false }, "OK false"],
    ["{success, id}", { success: true, id: "user_1" }, "OK true"],
    ["{id, success} with more", { id: "user_1", extra: [1, { success: false }], success: true }, "OK true"],
    ["a text", "true", "BAD_RESULT false"],
    ["a number", 1, "BAD_RESULT false"],
    ["null", null, "BAD_RESULT false"],
    ["a list", [true], "BAD_RESULT false"],
    ["an object without success", { id: "user_1" }, "BAD_RESULT false"],
    ["success that is no boolean", { success: 1 }, "BAD_RESULT false"],
    ["nothing", undefined, "BAD_RESULT false"],
  ];
  for (const [what, result, expected] of verdicts) {
    it(`of Authenticate: ${what} means ${expected}`, () => {
      const world = new World().ready();
      world.peer.answer = () => (result === undefined ? {} : { result });
      const outcome = world.authenticate();
      world.advance(100);
      assert.equal(`${outcome.name} ${outcome.value}`, expected);
      assert.deepEqual(world.peer.asked("Authenticate")[0].frame.args, {
        credentials: { psk: "secret" },
        id: "user_1",
      });
    });
  }

  for (const [result, expected] of [
    [true, "OK true"],
    [false, "OK false"],
    [{ success: true }, "BAD_RESULT false"],
    ["true", "BAD_RESULT false"],
    [null, "BAD_RESULT false"],
  ]) {
    it(`of AuthorizeCommand: ${JSON.stringify(result)} means ${expected}`, () => {
      const world = new World().ready();
      world.peer.answer = () => ({ result });
      const outcome = world.authorize();
      world.advance(100);
      assert.equal(`${outcome.name} ${outcome.value}`, expected);
    });
  }

  it("that is an error has the value false", () => {
    const world = new World().ready();
    world.peer.answer = () => ({ error: { code: 403 }, result: true });
    const outcome = world.authorize();
    world.advance(100);
    assert.equal(`${outcome.name} ${outcome.value}`, "FORBIDDEN false");
  });

  for (const result of [undefined, null, 7, true, [], {}, { token: 7 }, { token: "" }, { tokens: "x" }, ""]) {
    it(`of GenerateToken without a token, ${JSON.stringify(result)}, is BAD_RESULT`, () => {
      const world = new World().ready();
      world.peer.answer = () => (result === undefined ? {} : { result });
      assert.equal(world.soon(APP, 100).name, "BAD_RESULT");
    });
  }

  it("of ListToken is told host by host, then its end", () => {
    const world = new World().ready();
    const hosts = ["a.example.com", "\u00e9\u20ac", 'q"uote', ""];
    world.peer.answer = () => ({ result: hosts.map((host, i) => ({ before: [{ host: "no" }], host, i })) });
    const list = world.list();
    world.advance(100);
    assert.equal(list.name, "OK");
    assert.deepEqual(list.hosts, hosts);
  });

  it("of ListToken that is empty, or no list", () => {
    for (const [result, expected] of [
      [[], "OK"],
      [{}, "BAD_RESULT"],
      ["host", "BAD_RESULT"],
      [{ host: "a" }, "BAD_RESULT"],
    ]) {
      const world = new World().ready();
      world.peer.answer = () => ({ result });
      const list = world.list();
      world.advance(100);
      assert.equal(list.name, expected);
      assert.deepEqual(list.hosts, []);
    }
  });

  it("of ListToken with a host that is too long says so, and tells the others", () => {
    const world = new World().ready();
    world.peer.answer = () => ({ result: [{ host: "a" }, { host: "x".repeat(65) }, { host: "b" }] });
    const list = world.list();
    world.advance(100);
    assert.equal(list.name, "HOST_TOO_LONG");
    assert.deepEqual(list.hosts, ["a", "b"]);
  });

  it("of ListToken that breaks off was provisional: the call ends, and is not made again", () => {
    const world = muteWorld();
    const list = world.list();
    world.advance(100);
    const result = Array.from({ length: 100 }, (_, i) => ({ host: `app-${i}` }));
    const bytes = world.peer.replyBytes(world.peer.asked("ListToken")[0], { result });
    world.peer.sendBytes(bytes.subarray(0, 900));
    world.advance(100);
    assert.ok(list.hosts.length > 10);
    world.peer.kick();
    world.advance(10_000);
    assert.equal(list.name, "CONNECTION_LOST");
    assert.equal(world.peer.asked("ListToken").length, 1);
  });
});

describe("close()", () => {
  it("ends every call with CLOSED before it returns", () => {
    const world = muteWorld();
    const cached = world.generate();
    world.advance(100);
    world.peer.reply(world.peer.asked("GenerateToken")[0], { result: { token: "t" } });
    world.advance(100);
    assert.equal(cached.name, "OK");
    const outcomes = [world.get("b"), world.generate(), world.revoke("c"), world.list(), world.authorize()];
    world.advance(100);
    outcomes.push(world.get());
    world.close();
    assert.deepEqual(
      names(outcomes),
      outcomes.map(() => "CLOSED"),
    );
  });

  it("says DISCONNECT, ends the link, arms no timer, and makes no connection ever after", () => {
    const world = new World().ready();
    world.advance(100);
    world.close();
    world.advance(100);
    assert.equal(world.peer.packets[world.peer.packets.length - 1].cmd, "disconnect");
    assert.ok(!world.peer.isConnected);
    assert.ok(!world.clock.isArmed);
    world.client.resume();
    world.client.suspend();
    world.client.close();
    world.advance(3_600_000);
    assert.equal(world.peer.opens, 1);
    assert.ok(!world.clock.isArmed);
  });

  it("makes every later call return CLOSED", () => {
    const world = new World().ready();
    world.close();
    const outcomes = [world.get(), world.generate(), world.revoke(), world.list(), world.authenticate()];
    outcomes.push(world.authorize());
    world.advance(60_000);
    assert.deepEqual(
      names(outcomes),
      outcomes.map(() => "returned CLOSED"),
    );
    assert.equal(world.client.host(APP).rejected(1), Status.CLOSED);
    assert.equal(world.client.state, State.CLOSED);
  });

  it("tells the state last", () => {
    const world = new World().ready();
    world.close();
    assert.deepEqual(world.states, [State.CONNECTING, State.READY, State.CLOSED]);
  });

  for (const [phase, at] of [
    ["before the first turn", -1],
    ["while the link opens", 5],
    ["while CONNACK is awaited", 25],
  ] as const) {
    it(`${phase} ends all the same`, () => {
      const world = new World();
      const outcome = world.get();
      if (at >= 0) world.advance(at);
      world.close();
      assert.equal(outcome.name, "CLOSED");
      const opens = world.peer.opens;
      world.advance(3_600_000);
      assert.equal(world.peer.opens, opens);
      assert.ok(!world.peer.isConnected);
      assert.ok(!world.clock.isArmed);
    });
  }

  it("in the wait before the next attempt ends all the same", () => {
    const world = new World();
    world.peer.isReachable = false;
    world.advance(600_000);
    const opens = world.peer.opens;
    const outcome = world.get();
    world.close();
    assert.equal(outcome.name, "CLOSED");
    world.advance(3_600_000);
    assert.equal(world.peer.opens, opens);
  });

  it("from a token's callback ends the other calls within it", () => {
    const world = new World().ready();
    const order: string[] = [];
    world.client.host(APP).getToken((status) => {
      order.push(`first ${Status[status]}`);
      world.client.close();
      order.push("closed");
    });
    world.client.host(APP).getToken((status) => order.push(`second ${Status[status]}`));
    world.client.listTokens(
      () => {},
      (status) => order.push(`list ${Status[status]}`),
    );
    world.advance(1_000);
    assert.deepEqual(order.sort(), ["closed", "first OK", "list CLOSED", "second CLOSED"].sort());
    assert.ok(!world.clock.isArmed);
    assert.equal(world.client.state, State.CLOSED);
  });

  it("from the callback of a host in a list's middle ends the list within it", () => {
    const world = new World().ready();
    world.peer.answer = () => ({ result: [{ host: "a" }, { host: "b" }, { host: "c" }] });
    const order: string[] = [];
    world.client.listTokens(
      (bytes, from, to) => {
        order.push(Buffer.from(bytes.subarray(from, to)).toString());
        world.client.close();
      },
      (status) => order.push(Status[status]),
    );
    world.advance(1_000);
    assert.deepEqual(order, ["a", "CLOSED"]);
  });

  it("tells the callers after one whose callback throws all the same", () => {
    const world = muteWorld();
    const order: string[] = [];
    world.client.host(APP).getToken(() => {
      throw new Error("the app's mistake");
    });
    world.client.host(APP).getToken((status) => order.push(Status[status]));
    assert.throws(() => world.client.close(), /the app's mistake/);
    world.advance(1_000);
    assert.deepEqual(order, ["CLOSED"]);
  });
});

describe("suspend()", () => {
  it("says DISCONNECT, connects no more, and resume() connects at once", () => {
    const world = new World().ready();
    world.client.suspend();
    world.advance(100);
    assert.equal(world.client.state, State.SUSPENDED);
    assert.equal(world.peer.packets[world.peer.packets.length - 1].cmd, "disconnect");
    world.advance(86_400_000);
    assert.equal(world.peer.opens, 1);
    assert.ok(world.clock.wakes < 10);
    world.client.resume();
    world.advance(50);
    assert.equal(world.client.state, State.READY);
    assert.deepEqual(world.states, [
      State.CONNECTING,
      State.READY,
      State.SUSPENDED,
      State.CONNECTING,
      State.READY,
    ]);
  });

  it("and resume() in one breath connects anew at once, in every phase", () => {
    for (const at of [0, 5, 15, 25, 500]) {
      const world = new World();
      world.advance(at);
      world.client.suspend();
      world.client.resume();
      world.advance(1_100);
      assert.equal(world.client.state, State.READY, `at ${at} ms`);
    }
  });

  it("in the wait before the next attempt ends the wait; resume() tries at once", () => {
    const world = new World();
    world.peer.isReachable = false;
    world.advance(3_000_000);
    world.client.suspend();
    world.advance(400_000);
    const opens = world.peer.opens;
    world.peer.isReachable = true;
    world.client.resume();
    world.advance(100);
    assert.equal(world.peer.opens, opens + 1);
    assert.equal(world.client.state, State.READY);
  });

  it("ends calls at their deadline", () => {
    const world = new World().ready();
    world.client.suspend();
    const outcomes = [world.get(), world.list()];
    world.advance(20_001);
    assert.deepEqual(names(outcomes), ["TIMEOUT", "TIMEOUT"]);
  });
});

describe("explain() and the state", () => {
  it("tell a connection's life", () => {
    const world = new World();
    assert.equal(world.client.state, State.WAITING);
    assert.equal(world.client.explain().cloudTimeS, -1);
    world.ready();
    world.advance(100);
    const fine = world.client.explain();
    assert.equal(fine.name, "OK");
    assert.equal(fine.status, Status.OK);
    assert.equal(fine.code, 0);
    assert.equal(fine.cloudTimeS, 1_600_000_000);
    assert.equal(fine.lastRefusal, Status.OK);
    world.peer.isReachable = false;
    world.peer.kick();
    world.advance(10);
    assert.equal(world.client.explain().name, "CONNECTION_LOST");
    world.advance(5_000);
    assert.equal(world.client.explain().name, "UNREACHABLE");
    world.peer.isReachable = true;
    world.until(() => world.client.state === State.READY);
    assert.equal(world.client.explain().name, "OK");
    assert.equal(world.client.counters.connects, 2);
    assert.equal(world.client.counters.losses, 1);
  });

  it("say what everybody who reads the link learns", () => {
    const exposure = (proof: Proof): string => new World({ proof }).client.explain().exposure;
    for (const proof of ["counter", "counter+mac"] as const) assert.match(exposure(proof), /but not the key/);
    for (const proof of ["password", "key"] as const) assert.match(exposure(proof), /has the device's key/);
  });

  it("name the last refusal of a frame", () => {
    const world = new World().ready();
    world.peer.publish("{nonsense");
    world.advance(100);
    const { lastRefusal, name } = world.client.explain();
    assert.equal(Status[lastRefusal], "JSON_SYNTAX");
    assert.equal(name, "OK");
  });

  it("are told of states after the turn, once each, and only of changes", () => {
    const world = new World({ seed: 3 }).ready();
    for (let i = 0; i < 3; i++) {
      world.peer.kick();
      world.until(() => world.client.state === State.READY);
    }
    for (let i = 1; i < world.states.length; i++) assert.notEqual(world.states[i], world.states[i - 1]);
    assert.equal(world.states.filter((state) => state === State.READY).length, 4);
  });
});
