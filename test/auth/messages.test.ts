/** The app's own messages in virtual time: what an app can get wrong, and that no call suffers from it. */

import assert from "node:assert/strict";
import type { IPublishPacket } from "mqtt-packet";
import { Status } from "../../firmware/index.js";
import { Messages, type Payload } from "../../firmware/messages.js";
import { explain } from "../../host-sim/explain.js";
import { DOWN, subscribe, textOf, told, UP, worldWith } from "./messages-world.js";
import type { Request } from "./peer.js";
import { World } from "./world.js";

describe("an app's own messages", () => {
  it("an error that the app throws over a piece loses nothing that came behind it", () => {
    const messages = new Messages();
    const world = worldWith(messages);
    const heard: string[] = [];
    subscribe(messages, DOWN, (piece) => {
      heard.push(textOf(piece));
      throw new Error(`the app's own: ${textOf(piece)}`);
    });
    world.advance(100);
    let asked: Request | undefined;
    world.peer.answer = (request) => {
      asked = request;
      return undefined;
    };
    const token = world.generate();
    world.advance(50);
    const reply = world.peer.replyBytes(asked as Request, { result: { token: "the token" } });
    world.peer.sendBytes(Buffer.concat([told(DOWN, "one"), told(DOWN, "two"), reply, told(DOWN, "three")]));
    assert.throws(() => world.advance(100), /the app's own/);
    world.advance(100);
    assert.deepEqual(heard, ["one", "two", "three"]);
    assert.deepEqual([token.name, token.token], ["OK", "the token"]);
    assert.deepEqual([world.client.counters.malformed, world.client.counters.losses], [0, 0]);
  });

  for (const filter of ["device_123/rpc/#"]) {
    it(`the filter of the calls' own answers is not the app's to take or to give up: ${filter}`, () => {
      const messages = new Messages();
      const world = worldWith(messages);
      const outcome = subscribe(messages, filter);
      world.advance(100);
      assert.equal(outcome.name, "SUBSCRIPTION_REFUSED");
      assert.equal(messages.unsubscribe(filter), Status.STALE);
      assert.ok(world.peer.packets.every(({ cmd }) => cmd !== "unsubscribe"));
      assert.equal(world.soon().name, "OK");
    });
  }

  it("a filter that is given up and wanted again in one turn is subscribed to in the end", () => {
    const messages = new Messages({ filters: 2 });
    const world = worldWith(messages);
    subscribe(messages, "app/other");
    subscribe(messages, DOWN);
    world.advance(100);
    messages.unsubscribe("app/other");
    world.advance(100);
    messages.unsubscribe(DOWN);
    const again = subscribe(messages, DOWN);
    world.advance(100);
    const last = world.peer.packets.filter(({ cmd }) => cmd === "subscribe" || cmd === "unsubscribe").at(-1);
    assert.deepEqual([last?.cmd, again.name], ["subscribe", "OK"]);
  });

  it("one filter has one place: it would be given up for both", () => {
    const messages = new Messages();
    worldWith(messages);
    subscribe(messages, DOWN);
    assert.throws(() => subscribe(messages, DOWN), /subscribed to app\/device_123\/down/);
  });

  const lengths: [length: number, status: string][] = [
    [Number.NaN, "BAD_ARGUMENTS"],
    [-1, "BAD_ARGUMENTS"],
    [1.5, "BAD_ARGUMENTS"],
    [Number.POSITIVE_INFINITY, "BAD_ARGUMENTS"],
    [268_435_455, "TOO_LONG"],
    [2 ** 40, "TOO_LONG"],
  ];
  for (const [length, status] of lengths) {
    it(`a payload of ${length} bytes ends with ${status}, and nothing is sent`, () => {
      const messages = new Messages();
      const world = worldWith(messages);
      const source: Payload = { length, read: () => assert.fail("asked for a payload that cannot be") };
      let name = "pending";
      messages.publish(messages.topic(UP), source, 1, (end) => {
        name = Status[end];
      });
      world.advance(100);
      assert.equal(name, status);
      assert.deepEqual([world.soon().name, world.client.counters.losses], ["OK", 0]);
    });
  }

  it("a filter that is longer than topicBytes is refused: no topic could be told from it", () => {
    const messages = new Messages({ topicBytes: 8 });
    worldWith(messages);
    assert.throws(() => subscribe(messages, DOWN), /topicBytes/);
  });

  it("a topic that was cut is not taken for a shorter one", () => {
    const messages = new Messages({ topicBytes: 64, filters: 2 });
    const world = worldWith(messages);
    const short = "x".repeat(64);
    const heard: string[] = [];
    subscribe(messages, short, () => heard.push("short"));
    subscribe(messages, "+/any", ({ topicLength }) => heard.push(`any, ${topicLength}`));
    world.advance(100);
    const sent = [`${short}y`, short, `${"x".repeat(60)}/any`, `${short}y/any`];
    world.peer.sendBytes(Buffer.concat(sent.map((topic) => told(topic, "1"))));
    world.advance(100);
    assert.deepEqual(heard, ["short", "any, 64"]);
    assert.equal(world.client.counters.foreign, 2);
  });

  it("close() in a piece ends everything, and the rest of the window is nobody's", () => {
    const messages = new Messages();
    const world = worldWith(messages);
    const heard: string[] = [];
    subscribe(messages, DOWN, (piece) => {
      heard.push(textOf(piece));
      world.client.close();
    });
    world.advance(100);
    world.peer.sendBytes(Buffer.concat([told(DOWN, "one"), told(DOWN, "two")]));
    world.advance(1_000);
    assert.deepEqual(heard, ["one"]);
  });

  for (const qos of [0, 1] as const) {
    it(`what comes in at QoS ${qos} while the app's payload waits for the link costs no connection`, () => {
      const messages = new Messages();
      const world = worldWith(messages);
      const heard: string[] = [];
      subscribe(messages, DOWN, (piece) => heard.push(textOf(piece)));
      let asked: Request | undefined;
      world.advance(3_000);
      world.peer.answer = (request) => {
        asked = request;
        return undefined;
      };
      const token = world.generate();
      world.advance(50);
      let name = "pending";
      world.peer.takeBytes = 0;
      messages.publish(messages.topic(UP), Buffer.from(JSON.stringify("x".repeat(4_998))), 1, (end) => {
        name = Status[end];
      });
      world.advance(50);
      for (let i = 0; i < 5; i++) world.peer.publish(`${i}`, DOWN, qos);
      world.peer.reply(asked as Request, { result: { token: "the token" } });
      world.advance(100);
      assert.equal(world.client.counters.losses, 0, Status[explain(world.client).status]);
      world.peer.drain();
      world.advance(500);
      assert.deepEqual([heard.join(""), token.token, name], ["01234", "the token", "OK"]);
      assert.equal(world.client.counters.losses, 0);
      const acknowledged = world.peer.packets
        .filter(({ cmd }) => cmd === "puback")
        .map(({ messageId }) => messageId as number);
      // The answers to Hello and to the call, too.
      assert.equal(acknowledged.length, qos * 5 + 2);
      assert.deepEqual(
        acknowledged,
        acknowledged.toSorted((one, other) => one - other),
        "in order (4.6)",
      );
    });
  }

  it("calls are answered while the app's payload is half out and the link takes a byte at a time", () => {
    const messages = new Messages();
    const world = worldWith(messages);
    world.advance(3_000);
    let name = "pending";
    world.peer.takeBytes = 7;
    messages.publish(messages.topic(UP), Buffer.from(JSON.stringify("x".repeat(4_998))), 1, (end) => {
      name = Status[end];
    });
    world.advance(20);
    const token = world.generate();
    world.until(() => token.name !== "pending");
    assert.deepEqual([token.name, name], ["OK", "OK"]);
    const payload = world.peer.packets.find(
      (packet): packet is IPublishPacket => packet.cmd === "publish" && packet.topic === UP,
    )?.payload;
    assert.equal(payload?.length, 5_000);
  });

  it("a subscription that no SUBACK answers ends with TIMEOUT, and its place is free again", () => {
    const messages = new Messages({ filters: 1, deadlineMs: 1_500 });
    const world = worldWith(messages);
    const serve = world.peer.intercept;
    world.peer.intercept = (packet) => packet.cmd === "subscribe" || serve(packet);
    const outcome = subscribe(messages, DOWN);
    world.advance(1_490);
    assert.equal(outcome.name, "pending");
    world.advance(100);
    assert.equal(outcome.name, "TIMEOUT");
    assert.equal(world.peer.packets.at(-1)?.cmd, "unsubscribe", "it may be granted yet");
    world.peer.intercept = serve;
    const again = subscribe(messages, DOWN);
    world.advance(100);
    assert.deepEqual([again.name, world.client.counters.losses], ["OK", 0]);
  });

  it("an UNSUBSCRIBE that nothing answers keeps the place no longer than that", () => {
    const messages = new Messages({ filters: 1, deadlineMs: 1_500 });
    const world = worldWith(messages);
    subscribe(messages, DOWN);
    world.advance(100);
    const serve = world.peer.intercept;
    world.peer.intercept = (packet) => packet.cmd === "unsubscribe" || serve(packet);
    messages.unsubscribe(DOWN);
    world.advance(1_000);
    assert.equal(subscribe(messages, DOWN).name, "BUSY");
    world.advance(1_000);
    const again = subscribe(messages, DOWN);
    world.advance(100);
    assert.deepEqual([again.name, world.client.counters.losses], ["OK", 0]);
  });

  it("a SUBACK that comes when its filter was given up costs nothing", () => {
    const messages = new Messages();
    const world = worldWith(messages);
    const serve = world.peer.intercept;
    world.peer.intercept = (packet) => {
      if (packet.cmd !== "subscribe") return serve(packet);
      const { messageId = 0 } = packet;
      world.time.after(500, () => world.peer.send({ cmd: "suback", messageId, granted: [1] }));
      return true;
    };
    const outcome = subscribe(messages, DOWN);
    world.advance(100);
    messages.unsubscribe(DOWN);
    world.advance(1_000);
    assert.deepEqual([outcome.name, world.client.counters.losses], ["REVOKED", 0]);
    assert.equal(explain(world.client).name, "OK");
  });

  it("one that was granted is asked for again after a reconnect, and may be answered late", () => {
    const messages = new Messages({ deadlineMs: 1_500 });
    const world = worldWith(messages);
    const heard: string[] = [];
    subscribe(messages, DOWN, (piece) => heard.push(textOf(piece)));
    world.advance(100);
    const serve = world.peer.intercept;
    world.peer.intercept = (packet) =>
      (packet.cmd === "subscribe" && packet.subscriptions[0]?.topic === DOWN) || serve(packet);
    world.peer.kick();
    world.advance(10_000);
    world.peer.sendBytes(told(DOWN, "one"));
    world.advance(100);
    assert.deepEqual(heard, ["one"]);
    assert.ok(world.peer.packets.every(({ cmd }) => cmd !== "unsubscribe"));
  });

  it("a message ends with TIMEOUT while there is no connection, and the device sleeps on", () => {
    const messages = new Messages({ deadlineMs: 1_500 });
    const world = worldWith(messages);
    world.peer.isReachable = false;
    world.peer.kick();
    world.advance(120_000);
    const wakes = world.clock.wakes;
    let name = "pending";
    messages.publish(messages.topic(UP), Buffer.from("1"), 1, (end) => {
      name = Status[end];
    });
    world.advance(60_000);
    assert.equal(name, "TIMEOUT");
    assert.ok(world.clock.wakes - wakes < 50, `${world.clock.wakes - wakes} wakes`);
  });

  const shares: [filter: string, topic: string, isTold: boolean][] = [
    ["$share/pumps/app/work/#", "app/work/1", true],
    ["$share/pumps/app/work/#", "app/work", true],
    ["$share/pumps/+/work", "app/work", true],
    ["$share/pumps/#", "$SYS/x", false],
    ["$share/pumps/$SYS/#", "$SYS/x", true],
    ["$share/pumps/app", "$share/pumps/app", false],
    ["$shared/app", "$shared/app", true],
  ];
  for (const [filter, topic, isTold] of shares) {
    it(`a message on ${topic} is ${isTold ? "" : "not "}told to who shares ${filter}`, () => {
      const messages = new Messages();
      const world = worldWith(messages);
      const heard: string[] = [];
      subscribe(messages, filter, (piece) => heard.push(textOf(piece)));
      world.advance(100);
      world.peer.sendBytes(told(topic, "job"));
      world.advance(100);
      assert.deepEqual(heard, isTold ? ["job"] : []);
    });
  }

  for (const filter of ["$share/pumps", "$share/pumps/", "$share//app", "$share/+/app", "$share/a#/app"]) {
    it(`${filter} is no filter (MQTT 5, 4.8.2)`, () => {
      assert.throws(() => subscribe(new Messages(), filter), /is no topic filter/);
    });
  }
});

describe("a message at QoS 2, from a session that the broker kept for another firmware", () => {
  const acks = (world: World): string[] =>
    world.peer.packets
      .filter(({ cmd }) => cmd.startsWith("pub") && cmd !== "publish")
      .map(({ cmd, messageId }) => `${cmd} ${messageId}`);

  /** A broker that keeps the session, and releases a message at QoS 2 when it was received. */
  function keptWorld(messages?: Messages): World {
    const world = new World({
      cloud: { cleanSession: false },
      ...(messages === undefined ? {} : { messages }),
    });
    world.peer.intercept = ({ cmd, messageId }) => {
      if (cmd === "pubrec" && messageId !== undefined) world.peer.send({ cmd: "pubrel", messageId });
      return false;
    };
    return world.ready();
  }

  it("that nobody wants is acknowledged away, and the connection stays", () => {
    const world = keptWorld();
    world.advance(1_000);
    const before = acks(world).length;
    world.peer.publish("hello", "fleet/news", 2);
    world.advance(100);
    assert.deepEqual(
      acks(world)
        .slice(before)
        .map((text) => text.split(" ")[0]),
      ["pubrec", "pubcomp"],
    );
    assert.deepEqual([world.client.counters.losses, world.client.counters.foreign], [0, 1]);
    assert.equal(world.soon().name, "OK");
  });

  it("that an app's filter matches is told, and acknowledged in its order", () => {
    const messages = new Messages();
    const world = keptWorld(messages);
    const heard: string[] = [];
    subscribe(messages, DOWN, (piece) => heard.push(textOf(piece)));
    world.advance(1_000);
    const before = acks(world).length;
    for (const [i, qos] of ([2, 1, 2] as const).entries()) world.peer.publish(`${i}`, DOWN, qos);
    world.advance(100);
    assert.deepEqual(heard, ["0", "1", "2"]);
    assert.deepEqual(
      acks(world)
        .slice(before)
        .map((text) => text.split(" ")[0]),
      ["pubrec", "puback", "pubrec", "pubcomp", "pubcomp"],
    );
  });
});
