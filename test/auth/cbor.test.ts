/** Frames in CBOR, negotiated: the device's side against cbor-x in virtual time. */
import assert from "node:assert/strict";
import { Encoder } from "cbor-x";
import { cbor } from "../../firmware/cbor.js";
import { CLOUD, isCbor } from "./peer.js";
import { names, World, type WorldOptions } from "./world.js";

const ENCODED = "device_123/rpc-cbor";
/** Maps are not tagged 259: an option that cbor-x's types lack. */
const options = { useRecords: false, variableMapSize: true, useTag259ForMaps: false };
const encoder = new Encoder(options);

/** A world whose cloud's Hello names CBOR, unless told otherwise. */
function worldOf(options: WorldOptions = {}, ext: object = { cbor: 1 }): World {
  const world = new World({ encoding: cbor, ...options });
  const { answer } = world.peer;
  world.peer.answer = (request) =>
    request.frame.method === "/v1/Hello"
      ? { result: { time: 1, ext: { other: [{ cbor: 1 }], ...ext } } }
      : answer(request);
  return world;
}

/** The same, connected, with all that follows from Hello done. */
function encodedWorld(options?: WorldOptions): World {
  const world = worldOf(options).ready();
  world.advance(100);
  return world;
}

const subscribed = (world: World): string[] =>
  world.peer.packets.flatMap((packet) =>
    packet.cmd === "subscribe" ? packet.subscriptions.map(({ topic }) => topic) : [],
  );

const lastRequest = (world: World) => world.peer.requests[world.peer.requests.length - 1];

describe("frames in CBOR", () => {
  it("are JSON until Hello names cbor, then every request and its answer is CBOR", () => {
    const world = worldOf();
    const first = world.get();
    world.ready().advance(100);
    assert.equal(first.name, "OK");
    assert.deepEqual(subscribed(world), ["device_123/rpc/#", ENCODED]);
    assert.ok(world.peer.requests.every((request) => !isCbor(request)));

    const calls = [world.generate(), world.list(), world.authenticate(), world.authorize()];
    world.advance(100);
    calls.push(world.revoke());
    world.advance(100);
    assert.deepEqual(names(calls), ["OK", "OK", "OK", "OK", "OK"]);
    assert.deepEqual([calls[0].token, calls[1].hosts], ["app.example.com#2", ["app.example.com"]]);
    assert.deepEqual([calls[2].value, calls[3].value], [true, true]);
    const later = world.peer.requests.slice(2);
    assert.ok(later.length === 5 && later.every(isCbor));
    assert.ok(later.every(({ packet }) => packet.topic === "cloud/from/device_123/rpc-cbor"));
  });

  it("say the same as in JSON", () => {
    const spelt = [encodedWorld({ proof: "password+key" }), new World({ proof: "password+key" }).ready()].map(
      (world) => {
        world.generate("é.example.com");
        world.list();
        world.authenticate("user_1", 'a "secret"\n');
        world.authorize();
        world.advance(100);
        return world.peer.requests
          .filter(({ frame }) => frame.method !== "/v1/Hello")
          .map(({ frame }) => ({ ...frame, id: 0 }));
      },
    );
    assert.equal(spelt[0].length, 4);
    assert.deepEqual(spelt[0], spelt[1]);
  });

  it("are deterministic: shortest heads, members in the order of their encoded names", () => {
    const world = encodedWorld({ firstId: 281_474_976_000_000 });
    world.generate();
    world.advance(50);
    const { packet, frame } = lastRequest(world);
    const members: [string, unknown][] = [
      ...([
        ["v", 2],
        ["id", BigInt(frame.id)],
        ["src", "device_123"],
      ] as [string, unknown][]),
      ...([
        ["args", new Map([["host", "app.example.com"]])],
        ["method", frame.method],
      ] as [string, unknown][]),
    ];
    const expected = encoder.encode(new Map(members));
    assert.equal((packet.payload as Buffer).toString("hex"), expected.toString("hex"));
  });

  for (const [title, options, ext] of [
    ["the cloud's Hello does not name it", {}, {}],
    ["Hello names a version that we don't know", {}, { cbor: 2 }],
    ["a challenge is answered: that is JSON", { proof: "digest" }, { cbor: 1 }],
    ["the broker keeps our session", { cloud: { cleanSession: false } }, { cbor: 1 }],
  ] as const) {
    it(`stay JSON where ${title}`, () => {
      const world = worldOf(options as WorldOptions, ext).ready();
      world.advance(100);
      assert.equal(world.soon().name, "OK");
      assert.deepEqual(subscribed(world), ["device_123/rpc/#"]);
      assert.ok(world.peer.requests.every((request) => !isCbor(request)));
    });
  }

  it("stay JSON where the broker refuses the topic", () => {
    const world = worldOf();
    world.peer.intercept = (packet) => {
      const isEncoded = packet.cmd === "subscribe" && packet.subscriptions[0].topic === ENCODED;
      if (isEncoded)
        world.peer.send({ cmd: "suback", messageId: packet.messageId as number, granted: [128] });
      return isEncoded;
    };
    world.ready().advance(100);
    assert.equal(world.soon().name, "OK");
    assert.ok(world.peer.requests.every((request) => !isCbor(request)));
  });

  it("become JSON again where they stay unanswered, and CBOR on the next connection", () => {
    const world = encodedWorld();
    const { answer } = world.peer;
    let isMute = true;
    world.peer.answer = (request) => (isMute && isCbor(request) ? undefined : answer(request));
    const call = world.get();
    world.until(() => call.status !== undefined);
    assert.equal(call.name, "OK");
    assert.equal(world.client.counters.retries, 1);
    assert.equal(world.soon("api.example.com").name, "OK");
    assert.ok(!isCbor(lastRequest(world)));

    isMute = false;
    world.peer.kick();
    world.until(() => world.peer.connects.length === 2).ready();
    world.advance(100);
    assert.equal(world.soon("files.example.com").name, "OK");
    assert.ok(isCbor(lastRequest(world)));
  });

  it("are dropped and counted where they are malformed, cut short or followed by anything", () => {
    const world = encodedWorld();
    const good = encoder.encode({ v: 2, id: 1, src: CLOUD, result: true });
    const broken = [
      good.subarray(0, good.length - 1),
      Buffer.concat([good, Buffer.from("\n")]),
      Buffer.concat([good, good]),
      Buffer.from("ff", "hex"),
      Buffer.from(JSON.stringify({ v: 2, id: 1, src: CLOUD, result: true })),
      encoder.encode([1]),
      encoder.encode({ v: 2, id: 0 }),
      Buffer.from("a2626964016269640a", "hex"),
    ];
    for (const [index, bytes] of broken.entries()) {
      world.peer.publish(bytes, ENCODED);
      world.advance(20);
      assert.equal(world.client.counters.malformed, index + 1, bytes.toString("hex"));
    }
    world.peer.publish(good, ENCODED);
    world.advance(20);
    assert.deepEqual([world.client.counters.malformed, world.client.counters.unknownIds], [8, 1]);
    assert.equal(world.soon().name, "OK");
  });

  it("of strangers are refused in CBOR", () => {
    const world = encodedWorld();
    world.peer.publish(
      encoder.encode({ src: "stranger", dst: "device_123", id: 7, method: "Switch.Set" }),
      ENCODED,
    );
    world.advance(50);
    const { frame, packet } = lastRequest(world);
    assert.equal(packet.topic, "stranger/rpc-cbor");
    assert.deepEqual([frame.id, frame.dst, frame.src, frame.error?.code], [7, "stranger", "device_123", 404]);
  });

  it("bring a list of any length, in pieces of any size", () => {
    const hosts = Array.from({ length: 200 }, (_, index) => `app-${index}.example.com`);
    for (const size of [1, 7, 64, 1_000]) {
      const world = encodedWorld();
      world.peer.cut = (bytes) =>
        Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
      const { answer } = world.peer;
      world.peer.answer = (request) =>
        request.frame.method === "/v1/Auth.ListToken"
          ? { result: hosts.map((host) => ({ host })) }
          : answer(request);
      const list = world.list();
      world.until(() => list.status !== undefined);
      assert.equal(list.name, "OK");
      assert.deepEqual(list.hosts, hosts);
      assert.ok(isCbor(lastRequest(world)));
    }
  });
});
