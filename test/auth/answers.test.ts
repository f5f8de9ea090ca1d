/** Which frames are believed, which are dropped and counted, and which are answered. */

import assert from "node:assert/strict";
import type { Counters } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { CLOUD, type Frame, type Request } from "./peer.js";
import { APP, World, type WorldOptions } from "./world.js";

/** A ready world with one call under way, whose request is held. */
const asking = (options?: WorldOptions): { world: World; request: Request } => {
  const world = new World(options).ready();
  world.advance(100);
  world.peer.answer = () => undefined;
  world.generate();
  world.advance(100);
  return { world, request: world.peer.asked("GenerateToken")[0] };
};

/** Sends a frame, and tells which counters it moved. */
const counted = (world: World, frame: object | string, topic?: string): Partial<Counters> => {
  const before = { ...world.client.counters };
  world.peer.publish(typeof frame === "string" ? frame : JSON.stringify(frame), topic);
  world.advance(100);
  const names = Object.keys(before) as (keyof Counters)[];
  const moved = names.filter((name) => world.client.counters[name] !== before[name]);
  return Object.fromEntries(moved.map((name) => [name, world.client.counters[name] - before[name]]));
};

/** Frames that the device published other than its own requests. */
const answers = (world: World): Request[] =>
  world.peer.requests.filter(({ frame }) => frame.method === undefined);

describe("an answer is believed", () => {
  const right: [string, (id: number) => object | string][] = [
    ["as it is documented", (id) => ({ v: 2, src: CLOUD, dst: "device_123", id, result: { token: "t" } })],
    ["without v, src and dst", (id) => ({ id, result: { token: "t" } })],
    [
      "with its members in another order",
      (id) => ({ result: { token: "t" }, dst: "device_123", src: CLOUD, id, v: 2 }),
    ],
    [
      "with members that nobody knows, at any depth",
      (id) => ({
        x: { id: 7, result: [1, { token: "no" }] },
        id,
        trace: "t",
        tag: {},
        auth: null,
        result: { y: { token: "no" }, token: "t" },
      }),
    ],
    ["with a bare text as the token", (id) => ({ id, result: "t" })],
    ["with white space everywhere", (id) => ` {\n"id" :\t${id} , "result" : { "token" : "t" } }\r\n `],
    ["with escapes in its keys", (id) => `{"\\u0069d":${id},"r\\u0065sult":{"t\\u006fken":"\\u0074"}}`],
  ];
  for (const [what, frame] of right) {
    it(what, () => {
      const { world, request } = asking();
      assert.deepEqual(counted(world, frame(request.frame.id)), {});
      assert.equal(world.outcomes[0].token, "t");
    });
  }

  it("on a topic below its own with nothing behind the slash", () => {
    const { world, request } = asking();
    assert.deepEqual(counted(world, { id: request.frame.id, result: "t" }, "device_123/rpc/"), {});
    assert.equal(world.outcomes[0].token, "t");
  });
});

describe("a frame is dropped and counted", () => {
  const wrong: [string, keyof Counters, (id: number) => object | string][] = [
    ["for another device", "foreign", (id) => ({ src: CLOUD, dst: "device_12", id, result: "t" })],
    ["for nobody", "foreign", (id) => ({ src: CLOUD, dst: "", id, result: "t" })],
    ["from another device", "foreign", (id) => ({ src: "device_9", id, result: "t" })],
    [
      "from a cloud whose name begins as ours does",
      "foreign",
      (id) => ({ src: `${CLOUD}x`, id, result: "t" }),
    ],
    [
      "from a cloud whose name is ours, cut",
      "foreign",
      (id) => ({ src: CLOUD.slice(0, -1), id, result: "t" }),
    ],
    ["from ourselves", "foreign", (id) => ({ src: "device_123", id, result: "t" })],
    ["with an id that nobody asked under", "unknownIds", (id) => ({ id: id + 100, result: "t" })],
    ["without an id", "unknownIds", () => ({ result: "t" })],
    ["with the id 0", "malformed", () => ({ id: 0, result: "t" })],
    ["with a negative id", "malformed", (id) => ({ id: -id, result: "t" })],
    ["with a fractional id", "malformed", (id) => `{"id":${id}.5,"result":"t"}`],
    ["with an id that has a fraction of nothing", "malformed", (id) => `{"id":${id}.0,"result":"t"}`],
    ["with an unsafe id", "malformed", () => '{"id":9007199254740992,"result":"t"}'],
    [
      "with an id that is text, which only strangers have",
      "unknownIds",
      (id) => ({ id: String(id), result: "t" }),
    ],
    ["of another version", "malformed", (id) => ({ v: 1, id, result: "t" })],
    ["of a version that is text", "malformed", (id) => ({ v: "2", id, result: "t" })],
    ["that is cut", "malformed", (id) => `{"id":${id},"result":"t"`],
    ["that is empty", "malformed", () => ""],
    ["that is no object", "malformed", () => "[]"],
    ["with something behind it", "malformed", (id) => `{"id":${id},"result":"t"}x`],
    ["with two ids", "malformed", (id) => `{"id":${id},"id":${id},"result":"t"}`],
    ["with two results", "malformed", (id) => `{"id":${id},"result":"t","result":"u"}`],
    ["with two errors", "malformed", (id) => `{"id":${id},"error":{"code":1},"error":{"code":1}}`],
    ["with an error that is text", "malformed", (id) => ({ id, error: "no" })],
    ["with an error without a code", "malformed", (id) => ({ id, error: { message: "no" } })],
    ["with the error code 0", "malformed", (id) => ({ id, error: { code: 0 } })],
    ["with a lone surrogate", "malformed", (id) => `{"id":${id},"result":"\\ud800"}`],
    ["with a trailing comma", "malformed", (id) => `{"id":${id},"result":"t",}`],
    ["that is nested too deep", "malformed", (id) => `{"id":${id},"x":${"[".repeat(40)}${"]".repeat(40)}}`],
  ];
  for (const [what, counter, frame] of wrong) {
    it(`${what}: ${counter}`, () => {
      const { world, request } = asking();
      assert.deepEqual(counted(world, frame(request.frame.id)), { [counter]: 1 });
      assert.equal(world.outcomes[0].name, "pending");
      assert.deepEqual(counted(world, { id: request.frame.id, result: "t" }), {});
      assert.equal(world.outcomes[0].token, "t", "and the right one is taken after it");
      assert.equal(world.client.counters.losses, 0);
    });
  }

  it("told twice: the second one is for nobody", () => {
    const { world, request } = asking();
    const frame = { src: CLOUD, dst: "device_123", id: request.frame.id, result: "t" };
    assert.deepEqual(counted(world, frame), {});
    assert.deepEqual(counted(world, frame), { unknownIds: 1 });
    assert.equal(world.outcomes[0].token, "t");
  });

  it("though every answer comes twice, as some brokers deliver: each call ends once", () => {
    const world = new World();
    world.peer.cut = (bytes) => (bytes[0] >> 4 === 3 ? [bytes, bytes] : [bytes]);
    for (let i = 0; i < 5; i++) {
      world.generate();
      world.advance(1_000);
    }
    assert.ok(world.outcomes.every(({ name }) => name === "OK"));
    assert.equal(world.client.counters.unknownIds, 6, "of five tokens and Hello");
  });

  it("when it is our own request that came back", () => {
    const { world, request } = asking();
    const echo = request.packet.payload.toString();
    assert.deepEqual(counted(world, echo), { echoes: 1 });
    assert.equal(answers(world).length, 0);
    assert.equal(world.outcomes[0].name, "pending");
  });
});

describe("a cloud with an address of its own", () => {
  it("is the only one that is believed", () => {
    const { world, request } = asking({ cloud: { address: "//cloud.example.com" } });
    const { id } = request.frame;
    assert.deepEqual(counted(world, { src: CLOUD, id, result: "t" }), { foreign: 1 });
    assert.deepEqual(counted(world, { src: "//cloud.example.com", id, result: "t" }), {});
    assert.equal(world.outcomes[0].token, "t");
  });

  it("may have its requests on another topic", () => {
    const world = new World({ cloud: { requestTopic: "{id}/to/cloud" } });
    world.soon();
    assert.equal(world.peer.requests[0].packet.topic, "device_123/to/cloud");
  });
});

describe("a request to us", () => {
  const ask = (world: World, frame: Partial<Frame> & { nr?: boolean }, topic?: string): Partial<Counters> =>
    counted(world, { v: 2, method: "/v1/Off", id: 5, args: {}, ...frame }, topic);

  it("is answered with 404, to the sender's own topic", () => {
    const world = new World().ready();
    world.advance(100);
    assert.deepEqual(ask(world, { src: "user-1_x" }), { requestsRefused: 1 });
    const [{ frame, packet }] = answers(world);
    assert.equal(packet.topic, "user-1_x/rpc");
    assert.deepEqual(
      { src: frame.src, dst: frame.dst, id: frame.id, code: frame.error?.code },
      { src: "device_123", dst: "user-1_x", id: 5, code: 404 },
    );
  });

  it("is answered once a second at the most", () => {
    const world = new World().ready();
    world.advance(100);
    for (let i = 0; i < 100; i++) ask(world, { src: "user_1", id: i + 1 });
    assert.ok(answers(world).length >= 9 && answers(world).length <= 11, `${answers(world).length}`);
    assert.equal(world.client.counters.requestsDropped, 100 - answers(world).length);
  });

  for (const src of [
    "",
    "#",
    "+",
    "a/b",
    "//host/path",
    "a b",
    "é",
    "a\u0000",
    "x".repeat(65),
    "device_9/rpc",
  ]) {
    it(`from ${JSON.stringify(src.slice(0, 12))}, which is no id, is never answered`, () => {
      const world = new World().ready();
      world.advance(100);
      assert.deepEqual(ask(world, { src }), { requestsDropped: 1 });
      assert.equal(answers(world).length, 0);
      assert.equal(world.client.counters.losses, 0);
    });
  }

  it("from an id of the greatest length is answered", () => {
    const world = new World().ready();
    world.advance(100);
    assert.deepEqual(ask(world, { src: "x".repeat(64) }), { requestsRefused: 1 });
    assert.equal(answers(world)[0].packet.topic, `${"x".repeat(64)}/rpc`);
  });

  it("without src, without an id, or with nr is not answered", () => {
    const world = new World().ready();
    world.advance(100);
    for (const frame of [{}, { src: "user_1", nr: true }]) {
      assert.deepEqual(ask(world, frame), { requestsDropped: 1 });
    }
    assert.deepEqual(counted(world, { src: "user_1", method: "/v1/Off" }), { requestsDropped: 1 });
    assert.equal(answers(world).length, 0);
  });

  it("is what the topic's suffix makes of a frame, whatever else it holds", () => {
    const { world, request } = asking();
    const { id } = request.frame;
    const topic = "device_123/rpc/Sys.Reboot";
    assert.deepEqual(counted(world, { src: "user_1", id, result: "t" }, topic), { requestsRefused: 1 });
    assert.equal(world.outcomes[0].name, "pending");
    assert.deepEqual(counted(world, { id, result: "t" }, topic), { requestsDropped: 1 });
    assert.equal(world.outcomes[0].name, "pending");
  });

  it("is not taken for an answer, though its id is that of a call", () => {
    const { world, request } = asking();
    ask(world, { src: CLOUD, id: request.frame.id });
    assert.equal(world.outcomes[0].name, "pending");
    assert.equal(answers(world).length, 0, "the cloud's address is no topic");
  });
});

describe("a result before its id", () => {
  it("is staged and taken when it fits", () => {
    const { world, request } = asking();
    const token = "x".repeat(640);
    counted(world, { result: { token }, id: request.frame.id });
    assert.equal(world.outcomes[0].token, token);
  });

  it("that is larger than the staging area ends the call with FRAME_ORDER", () => {
    const { world, request } = asking();
    counted(world, { result: { token: "x".repeat(641) }, id: request.frame.id });
    assert.equal(world.outcomes[0].name, "FRAME_ORDER");
  });

  it("of a list is told when it fits, and ends with FRAME_ORDER when not", () => {
    for (const [count, name] of [
      [20, "OK"],
      [2_000, "FRAME_ORDER"],
    ] as const) {
      const world = new World().ready();
      world.advance(100);
      world.peer.answer = () => undefined;
      const list = world.list();
      world.advance(100);
      const result = Array.from({ length: count }, (_, i) => ({ host: `app-${i}` }));
      counted(world, { result, id: world.peer.asked("ListToken")[0].frame.id });
      assert.equal(list.name, name);
      if (name === "OK") assert.equal(list.hosts.length, count);
    }
  });

  it("of any length that nobody waits for is skipped", () => {
    const { world, request } = asking();
    const big = { result: { token: "x".repeat(100_000) }, id: request.frame.id + 5 };
    assert.deepEqual(counted(world, big), { unknownIds: 1 });
    assert.equal(world.outcomes[0].name, "pending");
  });

  it("loses against an error, wherever that stands", () => {
    for (const order of [0, 1]) {
      const { world, request } = asking();
      const members = [
        ["error", { code: 403, message: "no" }],
        ["result", { token: "t" }],
      ];
      const frame = Object.fromEntries([["id", request.frame.id], ...(order ? members : members.reverse())]);
      counted(world, frame);
      assert.equal(world.outcomes[0].name, "FORBIDDEN");
    }
  });
});

describe("an answer whose src is not cloud.address", () => {
  const other = (src: string): World => {
    const world = new World({ limits: { callAttemptMs: 500, callDeadlineMs: 1_200 } }).ready();
    world.peer.answer = () => ({ src, result: { token: "t" } });
    return world;
  };

  it("is dropped, and explain() names both addresses", () => {
    const world = other("//api.acme.io");
    assert.equal(world.soon(APP, 2_000).name, "TIMEOUT");
    const { name, sentence } = explain(world.client);
    assert.equal(name, "FOREIGN_ANSWER");
    assert.match(sentence, /cloud\.address is \/\/api\.mongoose-iot\.com, their src \/\/api\.acme\.io\.$/);
  });

  it("is shown as printable ASCII, and no longer than ids are kept", () => {
    const world = other(`${"x".repeat(300)}`);
    world.soon(APP, 2_000);
    assert.match(explain(world.client).sentence, / x{64}\.$/);
    const hostile = other("a\u001b[31mb");
    hostile.soon(APP, 2_000);
    assert.match(explain(hostile.client).sentence, / a\?\[31mb\.$/);
  });

  it("explains nothing where it answers no call of ours, or where the right one comes after all", () => {
    const world = new World({ limits: { callAttemptMs: 500, callDeadlineMs: 1_200 } }).ready();
    world.peer.answer = () => ({ src: "//api.acme.io", id: 7, result: { token: "t" } });
    world.soon(APP, 2_000);
    assert.equal(explain(world.client).name, "TIMEOUT");
    world.peer.answer = (request) => world.service.answer(request);
    assert.equal(world.soon(APP, 5_000).name, "OK");
    assert.equal(explain(world.client).name, "OK");
  });
});

describe("a list of 1 MB", () => {
  it("is told host by host through a window of 512 bytes", () => {
    const world = new World().ready();
    world.advance(100);
    world.peer.answer = () => undefined;
    const list = world.list();
    world.advance(100);
    const hosts = Array.from({ length: 25_000 }, (_, i) => `application-${i}.some.example.com`);
    world.peer.cut = (bytes) =>
      Array.from({ length: Math.ceil(bytes.length / 512) }, (_, i) => bytes.subarray(i * 512, i * 512 + 512));
    const result = hosts.map((host) => ({ host }));
    const bytes = world.peer.replyBytes(world.peer.asked("ListToken")[0], { result });
    assert.ok(bytes.length > 1_000_000);
    world.peer.sendBytes(bytes);
    world.advance(100);
    assert.equal(list.name, "OK");
    assert.deepEqual(list.hosts, hosts);
  });
});
