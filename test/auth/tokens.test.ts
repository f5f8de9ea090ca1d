/** Tokens from memory and from the cloud: sharing, waiting, and the order in which callers are told. */
import assert from "node:assert/strict";
import { Status } from "../../firmware/index.js";
import { APP, World } from "./world.js";

const methods = (world: World): string[] =>
  world.peer.requests.map(({ frame }) => frame.method.replace("/v1/Auth.", "").replace("/v1/", ""));

describe("a token", () => {
  it("that was never asked for comes in one round trip after the link is open", () => {
    const world = new World();
    const outcome = world.soon();
    assert.equal(outcome.name, "OK");
    assert.equal(outcome.token, `${APP}#1`);
    // Opening the link takes one latency, the round trip two.
    assert.equal(outcome.atMs, 3 * world.peer.latencyMs);
    assert.deepEqual(methods(world), ["GenerateToken", "Hello"]);
  });

  it("is answered from memory, with no request and within the turn", () => {
    const world = new World();
    world.soon();
    const before = world.peer.packets.length;
    const outcome = world.soon(APP, 0);
    assert.equal(outcome.name, "OK");
    assert.equal(outcome.token, `${APP}#1`);
    assert.equal(outcome.generation, 1);
    assert.equal(world.peer.packets.length, before);
  });

  it("tells how long it is still good, counted from the moment its request was sent", () => {
    const world = new World();
    const sentAtMs = world.peer.latencyMs;
    assert.equal(world.soon(APP, 100).remainingMs, 3_600_000 - 2 * world.peer.latencyMs);
    world.advance(60_000);
    assert.equal(world.soon(APP, 0).remainingMs, 3_600_000 - (world.nowMs - sentAtMs));
  });

  it("of one app is never given to another", () => {
    const world = new World();
    const a = world.get("a.example.com");
    const b = world.get("b.example.com");
    world.advance(1_000);
    assert.equal(a.token?.split("#")[0], "a.example.com");
    assert.equal(b.token?.split("#")[0], "b.example.com");
  });

  it("still serves while suspended, and one that is not there waits for resume", () => {
    const world = new World();
    world.soon();
    world.client.suspend();
    assert.equal(world.soon(APP, 1).name, "OK");
    const waiting = world.get("b.example.com");
    world.advance(5_000);
    assert.equal(waiting.name, "pending");
    world.client.resume();
    world.advance(5_000);
    assert.equal(waiting.name, "OK");
  });

  it("whose result is no longer than limits.tokenBytes is kept whole, and one byte more is refused", () => {
    const world = new World({ limits: { tokenBytes: 200 } });
    world.service.make = (host) => "x".repeat(host === "a" ? 200 : 201);
    assert.equal(world.soon("a").token, "x".repeat(200));
    assert.equal(world.soon("b").name, "TOKEN_TOO_LONG");
  });

  it("with characters beyond ASCII comes as the UTF-8 that it is", () => {
    const world = new World();
    world.service.make = () => '\u00e9\u20ac\ud83d\ude00"\\\n';
    assert.equal(world.soon().token, '\u00e9\u20ac\ud83d\ude00"\\\n');
  });

  it("for a host beyond ASCII is asked for and kept like any other", () => {
    const world = new World();
    const host = "caf\u00e9.example";
    assert.equal(world.soon(host).token, `${host}#1`);
    assert.equal(world.peer.asked("GenerateToken")[0].frame.args.host, host);
  });

  it("is not asked for of a host that no host is called: quotes, backslashes, control characters", () => {
    const world = new World();
    for (const host of ['a"b', "a\\b", "a\nb"]) {
      assert.throws(() => world.client.host(host), /must not hold quotes, backslashes or control characters/);
    }
  });
});

describe("callers", () => {
  it("of one host share one request, and all are told", () => {
    const world = new World();
    const outcomes = Array.from({ length: 8 }, () => world.get());
    world.advance(1_000);
    assert.deepEqual([...new Set(outcomes.map(({ name, token }) => `${name} ${token}`))], [`OK ${APP}#1`]);
    assert.equal(world.peer.asked("GenerateToken").length, 1);
  });

  it("that fill the table make one request; one caller more is told BUSY, and not by its callback", () => {
    const world = new World({ limits: { waiters: 5 } });
    const outcomes = Array.from({ length: 6 }, () => world.get());
    world.advance(60_000);
    assert.deepEqual(
      outcomes.map(({ name }) => name),
      ["OK", "OK", "OK", "OK", "OK", "returned BUSY"],
    );
    assert.equal(world.peer.asked("GenerateToken").length, 1);
    assert.equal(world.soon().name, "OK", "the places are free again");
  });

  it("of generateToken share one request, and get a token newer than the one before", () => {
    const world = new World();
    world.soon();
    const outcomes = [world.generate(), world.generate()];
    world.advance(1_000);
    assert.deepEqual(
      outcomes.map(({ token, generation }) => `${token} ${generation}`),
      [`${APP}#2 2`, `${APP}#2 2`],
    );
    assert.equal(world.peer.asked("GenerateToken").length, 2);
  });

  it("of getToken get the old token while generateToken is under way", () => {
    const world = new World();
    world.soon();
    const newer = world.generate();
    const old = world.get();
    world.advance(0);
    assert.equal(old.token, `${APP}#1`);
    assert.equal(newer.name, "pending");
    world.advance(1_000);
    assert.equal(newer.token, `${APP}#2`);
    assert.equal(world.soon().token, `${APP}#2`);
  });

  it("may call again from a callback, and are told later", () => {
    const world = new World();
    const order: string[] = [];
    const host = world.client.host(APP);
    host.getToken(() => {
      order.push("first");
      host.getToken((status) => order.push(`second ${Status[status]}`));
      order.push("end of first");
    });
    world.advance(1_000);
    assert.deepEqual(order, ["first", "end of first", "second OK"]);
  });

  it("after one whose callback throws are told all the same", () => {
    const world = new World();
    world.soon();
    const host = world.client.host(APP);
    host.getToken(() => {
      throw new Error("the app's mistake");
    });
    const token = world.get();
    const lists = [world.list(), world.list()];
    assert.throws(() => world.advance(0), /the app's mistake/);
    world.advance(1_000);
    assert.equal(token.name, "OK");
    assert.deepEqual(
      lists.map(({ name }) => name),
      ["OK", "OK"],
    );
  });

  it("that are told in the turn of a throwing callback are told without waiting for the keep-alive", () => {
    const world = new World().ready();
    world.client.listTokens(
      () => {},
      () => {
        throw new Error("the app's mistake");
      },
    );
    const second = world.list();
    // Both answers come in one piece, so that both calls end in one turn.
    world.peer.answer = () => undefined;
    world.advance(100);
    const requests = world.peer.asked("ListToken");
    assert.equal(requests.length, 2);
    const answers = requests.map((request) => world.peer.replyBytes(request, { result: [] }));
    world.peer.sendBytes(Buffer.concat(answers));
    assert.throws(() => world.advance(100), /the app's mistake/);
    world.advance(1_000);
    assert.equal(second.name, "OK");
  });
});

describe("a handle", () => {
  it("is the same for the same name", () => {
    const world = new World();
    assert.equal(world.client.host("a"), world.client.host("a"));
    assert.notEqual(world.client.host("a"), world.client.host("b"));
  });

  it("is refused for an empty name, a long one, and beyond limits.hosts", () => {
    const world = new World({ limits: { hosts: 2, hostBytes: 8 } });
    assert.throws(() => world.client.host(""), /limits\.hostBytes/);
    assert.throws(() => world.client.host("123456789"), /limits\.hostBytes/);
    assert.throws(() => world.client.host("\u00e9\u00e9\u00e9\u00e9\u00e9"), /limits\.hostBytes/);
    world.client.host("a");
    world.client.host("b");
    assert.throws(() => world.client.host("c"), /limits\.hosts/);
    world.client.host("a");
  });
});
