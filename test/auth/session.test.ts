/** One connection's life: what leaves when, what ends it, and what the next one takes over. */
import assert from "node:assert/strict";
import type { IPublishPacket, ISubscribePacket } from "mqtt-packet";
import { State } from "../../firmware/index.js";
import { Messages } from "../../firmware/messages.js";
import { CloudMac } from "./mac.js";
import type { Request } from "./peer.js";
import { APP, World } from "./world.js";

const commands = (world: World): string[] => world.peer.packets.map(({ cmd }) => cmd);

/** Answers nothing but Hello. */
const mute = (world: World): void => {
  world.peer.answer = (request) =>
    request.frame.method === "/v1/Hello" ? world.service.answer(request) : undefined;
};

const publishOf = ({ frame, packet }: Request): string =>
  `${frame.id} dup=${packet.dup} packet=${packet.messageId}`;

describe("a connection", () => {
  it("begins with CONNECT, SUBSCRIBE, the first request and Hello in one write", () => {
    const world = new World();
    world.get();
    world.advance(25);
    assert.deepEqual(world.peer.writes, [4]);
    assert.deepEqual(commands(world), ["connect", "subscribe", "publish", "publish"]);
    assert.deepEqual(
      world.peer.requests.map(({ frame }) => frame.method),
      ["/v1/Auth.GenerateToken", "/v1/Hello"],
    );
  });

  it("says what MQTT 3.1.1 asks for: client id and user name are the device id, one filter at QoS 1", () => {
    const world = new World().ready();
    const { packet } = world.peer.connects[0];
    assert.equal(packet.protocolVersion, 4);
    assert.equal(packet.clientId, "device_123");
    assert.equal(packet.username, "device_123");
    assert.equal(packet.keepalive, 60);
    assert.equal(packet.clean, true);
    assert.equal(packet.will, undefined);
    const subscribe = world.peer.packets[1] as ISubscribePacket;
    assert.deepEqual(
      subscribe.subscriptions.map(({ topic, qos }) => `${topic} ${qos}`),
      ["device_123/rpc/# 1"],
    );
    const { topic, qos, retain } = world.peer.packets[2] as IPublishPacket;
    assert.deepEqual({ topic, qos, retain }, { topic: "cloud/from/device_123/rpc", qos: 1, retain: false });
  });

  it("that must not be pipelined goes step by step: SUBSCRIBE after CONNACK, requests after SUBACK", () => {
    const world = new World({ cloud: { pipeline: false } });
    const outcome = world.get();
    const at: string[] = [];
    world.peer.intercept = ({ cmd }) => {
      at.push(`${cmd} ${world.nowMs}`);
      return false;
    };
    world.advance(100);
    assert.deepEqual(at.slice(0, 4), ["connect 20", "subscribe 40", "publish 60", "publish 60"]);
    assert.equal(outcome.name, "OK");
  });

  it("whose send buffer is small lets the request go first, and Hello when there is room", () => {
    const world = new World({ limits: { sendBytes: 300 } });
    const outcome = world.get();
    world.advance(25);
    assert.deepEqual(commands(world).slice(0, 2), ["connect", "subscribe"]);
    world.advance(1_000);
    assert.equal(outcome.name, "OK");
    assert.deepEqual(
      world.peer.requests.map(({ frame }) => frame.method),
      ["/v1/Auth.GenerateToken", "/v1/Hello"],
    );
  });

  it("serves tokens though Hello is never answered, or is an error", () => {
    for (const reply of [undefined, { error: { code: 404 } }, { result: "HAI" }, { result: 7 }]) {
      const world = new World();
      world.peer.answer = (request) =>
        request.frame.method === "/v1/Hello" ? reply : world.service.answer(request);
      assert.equal(world.soon().atMs, 30);
      world.advance(120_000);
      assert.equal(world.client.state, State.READY);
      assert.equal(world.peer.opens, 1);
    }
  });

  it("that is refused takes back what was pipelined: it is published again on the next one, under the same id", () => {
    const world = new World();
    world.peer.returnCode = 3;
    const outcome = world.get();
    world.peer.answer = () => undefined;
    world.advance(50);
    world.peer.returnCode = 0;
    world.peer.answer = (request) => world.service.answer(request);
    world.advance(5_000);
    assert.equal(outcome.name, "OK");
    const ids = world.peer.asked("GenerateToken").map(({ frame }) => frame.id);
    assert.equal(ids.length, 2);
    assert.equal(ids[0], ids[1]);
  });

  it("carries frames in any pieces, down to one byte each way", () => {
    for (const bytes of [1, 2, 3, 7, 64]) {
      const world = new World();
      world.peer.takeBytes = bytes;
      world.peer.cut = (whole) =>
        Array.from({ length: Math.ceil(whole.length / bytes) }, (_, i) =>
          whole.subarray(i * bytes, (i + 1) * bytes),
        );
      world.get();
      assert.equal(world.soon(APP, 2_000).token, `${APP}#1`);
      assert.equal(world.peer.asked("GenerateToken").length, 1);
    }
  });

  it("that comes as CONNACK, SUBACK and the answer in one piece is taken as a whole", () => {
    const world = new World();
    let pieces: Buffer[] = [];
    world.peer.cut = (bytes) => {
      pieces.push(bytes);
      const isAnswer = bytes.includes("token");
      if (!isAnswer) return [];
      const all = Buffer.concat(pieces);
      pieces = [];
      return [all];
    };
    assert.equal(world.soon().token, `${APP}#1`);
  });
});

describe("keep-alive", () => {
  it("sends a PINGREQ after three quarters of it without a packet, and never leaves the broker longer", () => {
    const world = new World().ready();
    const at: number[] = [];
    world.advance(1_000);
    world.peer.intercept = () => {
      at.push(world.nowMs);
      return false;
    };
    world.advance(3_600_000);
    assert.equal(commands(world).filter((cmd) => cmd === "pingreq").length, at.length);
    for (let i = 1; i < at.length; i++) assert.equal(at[i] - at[i - 1], 45_000);
    assert.ok(at.length >= 79);
  });

  it("sends none while requests leave often enough", () => {
    const world = new World().ready();
    for (let i = 0; i < 30; i++) {
      world.generate();
      world.advance(30_000);
    }
    assert.equal(commands(world).indexOf("pingreq"), -1);
  });

  it("finds a line dead on which messages leave at QoS 0 more often than that", () => {
    const messages = new Messages();
    const world = new World({ messages }).ready();
    world.advance(1_000);
    world.peer.intercept = () => world.peer.opens === 1;
    const topic = messages.topic("app/device_123/t");
    const fromMs = world.nowMs;
    while (world.client.counters.losses === 0 && world.nowMs - fromMs < 600_000) {
      messages.publish(topic, Buffer.from("1"), 0, () => {});
      world.advance(10_000);
    }
    assert.ok(commands(world).includes("pingreq"));
    assert.ok(world.nowMs - fromMs <= 70_000, `after ${world.nowMs - fromMs} ms`);
  });

  it("wakes the device no more often than needed", () => {
    const world = new World().ready();
    world.advance(10_000);
    const before = world.clock.wakes;
    world.advance(3_600_000);
    const pings = 3_600_000 / 45_000;
    assert.ok(world.clock.wakes - before <= 2 * pings + 5, `${world.clock.wakes - before} wakes`);
  });

  it("doubts a connection on which an answer is late: the dead one is found before the call's deadline", () => {
    const world = new World().ready();
    world.advance(1_000);
    world.peer.intercept = () => world.peer.opens === 1;
    const outcome = world.get();
    world.advance(19_000);
    assert.ok(commands(world).includes("pingreq"));
    assert.equal(outcome.name, "OK", "on the next connection");
    assert.equal(world.peer.opens, 2);
  });
});

describe("a reconnect", () => {
  it("of a clean session publishes unanswered requests anew, under the same frame id", () => {
    const world = new World().ready();
    mute(world);
    const outcome = world.get();
    world.advance(100);
    world.peer.answer = (request) => world.service.answer(request);
    world.peer.kick();
    world.advance(1_500);
    assert.equal(outcome.name, "OK");
    const [first, second] = world.peer.asked("GenerateToken");
    assert.equal(second.frame.id, first.frame.id);
    assert.equal(second.packet.dup, false);
    assert.equal(second.connection, 2);
  });

  it("of a kept session redelivers what was not acknowledged: DUP, the same packet identifier, the same frame", () => {
    const world = new World({ cloud: { cleanSession: false } }).ready();
    assert.equal(world.peer.connects[0].packet.clean, false);
    world.peer.intercept = ({ cmd }) => cmd === "publish";
    const outcome = world.get();
    world.advance(100);
    world.peer.intercept = () => false;
    world.peer.sessionPresent = true;
    world.peer.kick();
    world.advance(1_500);
    assert.equal(outcome.name, "OK");
    const [first, second] = world.peer.asked("GenerateToken");
    const packet = first.packet.messageId;
    assert.equal(publishOf(second), `${first.frame.id} dup=true packet=${packet}`);
    assert.deepEqual(second.packet.payload, first.packet.payload);
    const others = world.peer.packets.filter((other) => other.messageId === packet && other.cmd !== "puback");
    assert.equal(others.length, 2, "nobody else uses its packet identifier meanwhile");
  });

  it("of a kept session sends nothing but CONNECT and SUBSCRIBE before CONNACK tells whether it was kept", () => {
    const world = new World({ cloud: { cleanSession: false } });
    world.get();
    world.advance(25);
    assert.deepEqual(commands(world), ["connect", "subscribe"]);
  });

  it("of a session that the broker forgot publishes anew, without DUP", () => {
    const world = new World({ cloud: { cleanSession: false } }).ready();
    world.peer.intercept = ({ cmd }) => cmd === "publish";
    world.get();
    world.advance(100);
    world.peer.intercept = () => false;
    world.peer.kick();
    world.advance(1_500);
    const [first, second] = world.peer.asked("GenerateToken");
    assert.equal(second.frame.id, first.frame.id);
    assert.equal(second.packet.dup, false);
  });

  it("of a kept session publishes what was acknowledged but not answered as a new message", () => {
    const world = new World({ cloud: { cleanSession: false } }).ready();
    mute(world);
    world.get();
    world.advance(100);
    world.peer.sessionPresent = true;
    world.peer.kick();
    world.advance(1_500);
    const [first, second] = world.peer.asked("GenerateToken");
    assert.equal(second.frame.id, first.frame.id);
    assert.equal(second.packet.dup, false);
  });

  it("is made at once though a call's time ends in the same turn: the device overslept it", () => {
    let overslept = 0;
    const world = new World({ reading: (ms) => ms + overslept }).ready();
    mute(world);
    const outcome = world.get();
    world.advance(100);
    world.client.suspend();
    world.advance(50);
    overslept = 60_000;
    world.client.resume();
    world.advance(100);
    assert.notEqual(outcome.name, "pending");
    assert.equal(world.peer.opens, 2);
    assert.equal(world.client.state, State.READY);
  });

  it("uses a new counter, so that a password is good once", () => {
    const world = new World().ready();
    world.peer.kick();
    world.advance(2_000);
    const counters = world.peer.connects.map(({ packet }) => Number.parseInt(String(packet.password), 10));
    assert.deepEqual(counters, [1, 2]);
  });
});

describe("a MAC session", () => {
  it("is begun by the first frame of each connection, with the connection's counter", () => {
    const world = new World({ proof: "counter+mac" });
    const cloud = new CloudMac(world);
    assert.equal(world.soon().token, `${APP}#1`);
    world.peer.kick();
    world.advance(2_000);
    assert.deepEqual(cloud.counters, [1, 2]);
    assert.equal(world.peer.requests.filter(({ frame }) => frame.sec !== undefined).length, 2);
    assert.equal(cloud.refused, 0);
  });

  it("that the cloud has forgotten is begun anew on the living connection, with a higher counter", () => {
    const world = new World({ proof: "counter+mac" });
    const cloud = new CloudMac(world);
    world.soon();
    cloud.forget();
    const outcome = world.generate();
    world.advance(20_000);
    assert.equal(outcome.name, "OK");
    assert.equal(world.peer.opens, 1);
    assert.deepEqual(cloud.counters, [1, 2]);
  });

  it("takes no answer without a MAC, nor one with a wrong one", () => {
    const world = new World({ proof: "counter+mac" });
    new CloudMac(world);
    const { seal } = world.peer;
    world.peer.seal = (frame) => frame;
    const outcome = world.soon();
    world.peer.seal = (frame) => seal(frame).replace(/.$/, (last) => (last === "A" ? "E" : "A"));
    world.advance(6_000);
    assert.equal(outcome.name, "pending");
    assert.ok(world.client.counters.macRefused >= 3);
    world.peer.seal = seal;
    world.advance(12_000);
    assert.equal(outcome.name, "OK");
  });

  it("takes one answer once, though QoS 1 brings it twice", () => {
    const world = new World({ proof: "counter+mac" });
    new CloudMac(world);
    world.peer.cut = (bytes) => (bytes.includes("sealed") ? [bytes, bytes] : [bytes]);
    assert.equal(world.soon().name, "OK");
    assert.equal(world.client.counters.macReplayed, 1);
  });

  it("lets a long list come slowly: the answer under way is not given up for another", () => {
    const world = new World({ proof: "counter+mac" });
    new CloudMac(world);
    world.soon();
    const hosts = Array.from({ length: 200 }, (_, i) => ({ host: `app-${i}.example.com` }));
    world.peer.answer = () => undefined;
    const list = world.list();
    world.advance(100);
    const bytes = world.peer.replyBytes(world.peer.asked("ListToken")[0], { result: hosts });
    for (let at = 0; at < bytes.length; at += 500) {
      world.time.after(at * 2, () => world.peer.sendBytes(bytes.subarray(at, at + 500)));
    }
    world.advance(2 * bytes.length + 1_000);
    assert.ok(bytes.length > 4_000);
    assert.equal(list.name, "OK");
    assert.equal(list.hosts.length, 200);
  });
});
