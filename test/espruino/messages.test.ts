/** The app's own messages on Espruino, the second file, in virtual time: the rules of the other core's hold. */
import assert from "node:assert/strict";
import { Status } from "../../firmware/index.js";
import { DOWN, ID, told, UP, World } from "./messages-world.js";

describe("an app's own messages on Espruino", () => {
  it("go both ways on the connection that the tokens have", () => {
    const world = new World();
    assert.equal(world.subscribe(DOWN), Status.OK);
    assert.equal(world.publish("21.5"), Status.OK);
    assert.deepEqual(world.ends, [], "nothing is told within the call");
    world.advance(100);
    assert.deepEqual(world.ends, ["OK", "OK"]);
    world.peer.sendBytes(Buffer.concat([told(DOWN, "one"), told(DOWN, "\xff\0", true), told("app/x", "no")]));
    world.advance(100);
    assert.deepEqual(world.heard, [
      { topic: DOWN, payload: "one", payloadLength: 3, retain: false },
      { topic: DOWN, payload: "\xc3\xbf\0", payloadLength: 3, retain: true },
    ]);
    const sent = world.peer.packets.find((packet) => packet.cmd === "publish" && packet.topic === UP);
    assert.equal(sent?.cmd === "publish" && String(sent.payload), "21.5");
    assert.equal(world.token(), "OK");
    assert.equal(world.peer.opens, 1);
  });

  it("a message that came at QoS 1 is acknowledged", () => {
    const world = new World();
    world.subscribe(DOWN);
    world.advance(100);
    const from = world.peer.packets.length;
    world.peer.publish("1", DOWN, 1);
    world.advance(100);
    assert.deepEqual([world.heard.length, world.sent(from)], [1, ["puback"]]);
  });

  it("an error that the app throws over a message loses nothing that came behind it", () => {
    const world = new World();
    const heard: string[] = [];
    world.messages.subscribe(
      DOWN,
      ({ payload }) => {
        heard.push(payload);
        throw new Error("the app's own");
      },
      () => {},
    );
    world.advance(100);
    world.peer.sendBytes(Buffer.concat(["one", "two", "three"].map((text) => told(DOWN, text))));
    for (let i = 0; i < 3; i++) assert.throws(() => world.advance(100), /the app's own/);
    world.advance(100);
    assert.deepEqual(heard, ["one", "two", "three"]);
    assert.equal(world.peer.opens, 1);
  });

  for (const filter of ["#", "+/rpc", `${ID}/#`, `${ID}/rpc/#`, `${ID}/rpc/Switch.Set`, "$share/g/+/rpc/#"])
    it(`no filter takes the calls' answers along: ${filter} is refused, and never sent`, () => {
      const world = new World();
      const from = world.peer.packets.length;
      world.subscribe(filter);
      world.advance(100);
      assert.deepEqual([world.ends, world.sent(from)], [["SUBSCRIPTION_REFUSED"], []]);
      assert.equal(world.messages.unsubscribe(filter), Status.STALE);
    });

  it("two filters that a message may match are refused, and one twice", () => {
    const world = new World({ filters: 4 });
    world.subscribe("app/+/led");
    for (const filter of ["app/#", "app/a/led", "+/a/led/#", "$share/g/app/a/+"])
      assert.throws(() => world.subscribe(filter), /overlaps another filter.*use one for both/);
    assert.throws(() => world.subscribe("app/+/led"), /subscribed to app\/\+\/led already/);
    world.subscribe("app/a");
    world.subscribe("$share/g/app/a/motor");
    world.messages.unsubscribe("app/+/led");
    assert.equal(world.subscribe("app/a/led"), Status.OK);
    assert.equal(world.subscribe("app/b/led"), Status.BUSY);
  });

  for (const filter of ["", "a#", "a/#/b", "+a", "a\0", "$share/g", "$share/g/", "$share//a", "$share/+/a"])
    it(`${JSON.stringify(filter)} is no filter`, () => {
      assert.throws(() => new World().subscribe(filter), /is no topic filter/);
    });

  for (const topic of ["", "a/+", "#", "a\0"])
    it(`nothing is published on ${JSON.stringify(topic)}`, () => {
      const { messages } = new World();
      assert.throws(() => messages.publish(topic, "1", 0, () => {}), /no message can be published/);
    });

  const shares: [filter: string, topic: string, isTold: boolean][] = [
    ["$share/pumps/app/work/#", "app/work/1", true],
    ["$share/pumps/app/work/#", "app/work", true],
    ["$share/pumps/+/work", "app/work", true],
    ["$share/pumps/#/x", "a", false],
    ["+/status", "$SYS/status", false],
    ["$share/pumps/$SYS/#", "$SYS/x", true],
    ["$share/pumps/app", "$share/pumps/app", false],
    ["$shared/app", "$shared/app", true],
  ];
  for (const [filter, topic, isTold] of shares.filter(([name]) => !name.endsWith("#/x")))
    it(`a message on ${topic} is ${isTold ? "" : "not "}told to who subscribes to ${filter}`, () => {
      const world = new World();
      world.subscribe(filter);
      world.advance(100);
      world.peer.sendBytes(told(topic, "job"));
      world.advance(100);
      assert.equal(world.heard.length, isTold ? 1 : 0);
    });

  it("one message is on its way at a time, and each end is told once", () => {
    const world = new World();
    assert.equal(world.publish("1"), Status.OK);
    assert.equal(world.publish("2"), Status.BUSY);
    world.advance(100);
    assert.equal(world.publish("3", 0), Status.OK);
    world.advance(100);
    assert.deepEqual(world.ends, ["OK", "OK"]);
  });

  it("what is no text ends with BAD_ARGUMENTS, what is too long with TOO_LONG, and nothing is sent", () => {
    const world = new World();
    const from = world.peer.packets.length;
    world.publish(7 as unknown as string);
    world.advance(100);
    world.publish("x".repeat(700));
    world.advance(100);
    world.subscribe(`app/${"x".repeat(700)}`);
    world.advance(100);
    assert.deepEqual([world.ends, world.sent(from)], [["BAD_ARGUMENTS", "TOO_LONG", "TOO_LONG"], []]);
  });

  it("a message as long as limits.sendBytes leaves, and what comes in meanwhile costs no connection", () => {
    const world = new World({}, 5_100);
    world.subscribe(DOWN);
    world.advance(100);
    world.peer.takeBytes = 7;
    world.publish(JSON.stringify("x".repeat(4_998)));
    world.advance(20);
    for (let i = 0; i < 20; i++) world.peer.publish(`${i} `, DOWN, 1);
    world.advance(5_000);
    const sent = world.peer.packets.find((packet) => packet.cmd === "publish" && packet.topic === UP);
    assert.equal(sent?.cmd === "publish" && sent.payload.length, 5_000);
    assert.deepEqual([world.ends, world.heard.length, world.peer.opens], [["OK", "OK"], 20, 1]);
  });

  it("a longer message than limits.frameBytes is told cut, with its length", () => {
    const world = new World();
    world.subscribe(DOWN);
    world.advance(100);
    world.peer.sendBytes(Buffer.concat([told(DOWN, "y".repeat(4_000)), told(DOWN, "after")]));
    world.advance(100);
    const [long, after] = world.heard;
    assert.equal(long?.payloadLength, 4_000);
    assert.equal(long?.payload, "y".repeat(1_536 + 200 - DOWN.length - 2));
    assert.equal(after?.payload, "after");
  });

  it("a subscription that no SUBACK answers ends with TIMEOUT, is given up, and its place is free", () => {
    const world = new World({ filters: 1, deadlineMs: 1_500 });
    const serve = world.peer.intercept;
    world.peer.intercept = (packet) => packet.cmd === "subscribe" || serve(packet);
    world.subscribe(DOWN);
    world.advance(1_490);
    assert.deepEqual(world.ends, []);
    world.advance(100);
    assert.deepEqual([world.ends, world.sent().at(-1)], [["TIMEOUT"], "unsubscribe"]);
    world.peer.intercept = serve;
    world.subscribe(DOWN);
    world.advance(100);
    assert.deepEqual([world.ends, world.peer.opens], [["TIMEOUT", "OK"], 1]);
  });

  it("an UNSUBSCRIBE that nothing answers keeps the place no longer than that", () => {
    const world = new World({ filters: 1, deadlineMs: 1_500 });
    world.subscribe(DOWN);
    world.advance(100);
    const serve = world.peer.intercept;
    world.peer.intercept = (packet) => packet.cmd === "unsubscribe" || serve(packet);
    world.messages.unsubscribe(DOWN);
    world.advance(1_000);
    assert.equal(world.subscribe(DOWN), Status.BUSY);
    world.advance(1_000);
    assert.equal(world.subscribe(DOWN), Status.OK);
    world.advance(100);
    assert.deepEqual([world.ends, world.peer.opens], [["OK", "OK"], 1]);
  });

  it("a SUBACK that comes when its filter was given up costs nothing", () => {
    const world = new World();
    const serve = world.peer.intercept;
    world.peer.intercept = (packet) => {
      if (packet.cmd !== "subscribe") return serve(packet);
      const { messageId = 0 } = packet;
      world.time.after(500, () => world.peer.send({ cmd: "suback", messageId, granted: [1] }));
      return true;
    };
    world.subscribe(DOWN);
    world.advance(100);
    world.messages.unsubscribe(DOWN);
    world.advance(1_000);
    assert.deepEqual([world.ends, world.peer.opens], [["REVOKED"], 1]);
  });

  it("a filter that the broker refuses ends with SUBSCRIPTION_REFUSED, and the tokens go on", () => {
    const world = new World();
    world.peer.granted = 128;
    world.subscribe(DOWN);
    world.advance(100);
    assert.deepEqual([world.ends, world.token(), world.peer.opens], [["SUBSCRIPTION_REFUSED"], "OK", 1]);
  });

  it("what was granted is subscribed to again after a reconnect, and a message under way leaves once more", () => {
    const world = new World();
    world.subscribe(DOWN);
    world.advance(100);
    const serve = world.peer.intercept;
    let copies = 0;
    world.peer.intercept = (packet) => {
      const isOurs = packet.cmd === "publish" && packet.topic === UP;
      return (isOurs && ++copies === 1) || serve(packet);
    };
    world.publish("1");
    world.advance(100);
    world.peer.kick();
    world.advance(60_000);
    world.peer.sendBytes(told(DOWN, "again"));
    world.advance(100);
    assert.deepEqual([world.ends, copies], [["OK", "OK"], 2]);
    assert.deepEqual(
      world.heard.map(({ payload }) => payload),
      ["again"],
    );
  });

  it("a broker that closes the connection over a message or a filter does so twice, and then the app is told", () => {
    const world = new World({ deadlineMs: 10_000_000 });
    const serve = world.peer.intercept;
    world.peer.intercept = (packet) => {
      const isOurs =
        (packet.cmd === "publish" && packet.topic === UP) ||
        (packet.cmd === "subscribe" && packet.subscriptions[0]?.topic === DOWN);
      if (isOurs) world.time.after(1, () => world.peer.kick());
      return isOurs || serve(packet);
    };
    world.publish("1");
    world.advance(120_000);
    world.subscribe(DOWN);
    world.advance(120_000);
    assert.deepEqual(world.ends, ["CONNECTION_LOST", "CONNECTION_LOST"]);
    assert.equal(world.token(), "OK");
  });

  it("a message ends with TIMEOUT while there is no connection, and the device sleeps on", () => {
    const world = new World({ deadlineMs: 1_500 });
    world.peer.isReachable = false;
    world.peer.kick();
    world.advance(120_000);
    const wakes = world.clock.wakes;
    world.publish("1");
    world.advance(60_000);
    assert.deepEqual(world.ends, ["TIMEOUT"]);
    assert.ok(world.clock.wakes - wakes < 50, `${world.clock.wakes - wakes} wakes`);
  });

  it("close() ends everything with CLOSED, within it, and once", () => {
    const world = new World();
    world.subscribe(DOWN);
    world.publish("1");
    world.auth.close();
    assert.deepEqual(world.ends, ["CLOSED", "CLOSED"]);
    assert.deepEqual([world.subscribe(UP), world.publish("2")], [Status.CLOSED, Status.CLOSED]);
    world.advance(60_000);
    assert.deepEqual(world.ends, ["CLOSED", "CLOSED"]);
  });

  it("close() in a message ends everything: nothing is told behind it", () => {
    const world = new World();
    const heard: string[] = [];
    world.messages.subscribe(
      DOWN,
      ({ payload }) => {
        heard.push(payload);
        world.auth.close();
      },
      () => {},
    );
    world.advance(100);
    world.peer.sendBytes(Buffer.concat([told(DOWN, "one"), told(DOWN, "two")]));
    world.advance(1_000);
    assert.deepEqual(heard, ["one"]);
  });

  it("keep-alive finds a line dead on which messages leave at QoS 0 more often than that", () => {
    const world = new World();
    world.time.advance(1_000);
    world.peer.takeBytes = Number.POSITIVE_INFINITY;
    world.peer.intercept = () => true;
    const opens = world.peer.opens;
    for (let i = 0; i < 40; i++) {
      world.publish("1", 0);
      world.advance(5_000);
    }
    assert.ok(world.peer.opens > opens, "a connection that nothing is heard of is given up");
  });

  it("they serve one client, and misspelt options are named", () => {
    const world = new World();
    assert.throws(
      () => world.messages.bind({} as never),
      /messages serve one client; make others for another/,
    );
    assert.throws(() => new World({ filter: 2 } as never), /messages\.filter is no option/);
    assert.throws(() => new World({ filters: "two" } as never), /messages takes numbers/);
  });
});
