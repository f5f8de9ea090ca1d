/** The end of the client, its rests, and what it tells of itself. */

import assert from "node:assert/strict";
import { type Proof, State, Status } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { APP, muteWorld, names, World } from "./world.js";

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
    assert.equal(explain(world.client).cloudTimeS, -1);
    world.ready();
    world.advance(100);
    const fine = explain(world.client);
    assert.equal(fine.name, "OK");
    assert.equal(fine.status, Status.OK);
    assert.equal(fine.code, 0);
    assert.equal(fine.cloudTimeS, 1_600_000_000);
    assert.equal(fine.lastRefusal, Status.OK);
    world.peer.isReachable = false;
    world.peer.kick();
    world.advance(10);
    assert.equal(explain(world.client).name, "CONNECTION_LOST");
    world.advance(5_000);
    assert.equal(explain(world.client).name, "UNREACHABLE");
    world.peer.isReachable = true;
    world.until(() => world.client.state === State.READY);
    assert.equal(explain(world.client).name, "OK");
    assert.equal(world.client.counters.connects, 2);
    assert.equal(world.client.counters.losses, 1);
  });

  it("say what everybody who reads the link learns", () => {
    const exposure = (proof: Proof): string => explain(new World({ proof }).client).exposure;
    assert.match(exposure("counter"), /but not the key; a relay can speak.* allowInsecure was set/);
    assert.match(exposure("counter+mac"), /but not the key\.$/);
    for (const proof of ["password", "key"] as const) assert.match(exposure(proof), /has the device's key/);
  });

  it("name the last refusal of a frame", () => {
    const world = new World().ready();
    world.peer.publish("{nonsense");
    world.advance(100);
    const { lastRefusal, name } = explain(world.client);
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
