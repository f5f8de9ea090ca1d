/** How much of brokers an app's messages take: acknowledgements that wait, and filters that overlap. */

import assert from "node:assert/strict";
import { Status } from "../../firmware/index.js";
import { Messages } from "../../firmware/messages.js";
import { explain } from "../../host-sim/explain.js";
import { DOWN, subscribe, textOf, UP, worldWith } from "./messages-world.js";
import type { World } from "./world.js";

describe("the limits of an app's own messages", () => {
  it("two filters that a message may match are refused: brokers tell it once, or once for each", () => {
    const messages = new Messages({ filters: 4 });
    const world = worldWith(messages);
    subscribe(messages, "app/+/led");
    for (const filter of ["app/#", "app/a/led", "+/a/led/#", "$share/g/app/a/+"])
      assert.throws(() => subscribe(messages, filter), /overlaps another filter.*use one for both/);
    subscribe(messages, "app/a");
    subscribe(messages, "$share/g/app/a/motor");
    messages.unsubscribe("app/+/led");
    assert.equal(subscribe(messages, "app/a/led").name, "pending");
    world.advance(100);
    assert.equal(world.client.counters.losses, 0);
  });

  for (const filter of ["#", "+/rpc", "device_123/#", "device_123/rpc/Switch.Set", "$share/g/+/rpc/#"]) {
    it(`no filter takes the calls' answers along: ${filter} is refused, and never sent`, () => {
      const messages = new Messages();
      const world = worldWith(messages);
      const before = world.peer.packets.length;
      const outcome = subscribe(messages, filter);
      world.advance(100);
      assert.equal(outcome.name, "SUBSCRIPTION_REFUSED");
      assert.deepEqual(
        world.peer.packets.slice(before).filter(({ cmd }) => cmd === "subscribe"),
        [],
      );
    });
  }

  /** A world whose app's long message waits for the link, and whose broker has sent `count` more than was acknowledged. */
  function stalled(count: number, step: number) {
    const messages = new Messages();
    const world = worldWith(messages);
    const heard: string[] = [];
    subscribe(messages, DOWN, (piece) => heard.push(textOf(piece)));
    world.advance(3_000);
    world.peer.takeBytes = 0;
    messages.publish(messages.topic(UP), Buffer.from(JSON.stringify("x".repeat(4_998))), 0, () => {});
    world.advance(50);
    for (let i = 0; i < count; i++) {
      const messageId = 1_000 + i * step;
      const packet = { cmd: "publish", topic: DOWN, payload: `${i} `, qos: 1, messageId } as const;
      world.peer.send({ ...packet, dup: false, retain: false });
    }
    world.advance(200);
    return { world, heard };
  }
  const pubacks = (world: World): number[] =>
    world.peer.packets
      .filter(({ cmd, messageId }) => cmd === "puback" && (messageId as number) >= 1_000)
      .map(({ messageId }) => messageId as number);

  it("acknowledgements wait for a slow link, as many as a broker sends ahead, and leave in order", () => {
    const { world, heard } = stalled(300, 1);
    world.peer.drain();
    world.advance(2_000);
    assert.equal(heard.length, 300);
    assert.deepEqual(
      pubacks(world),
      Array.from({ length: 300 }, (_, i) => 1_000 + i),
    );
    assert.deepEqual([world.client.counters.losses, world.client.counters.congestions], [0, 0]);
  });

  it("what has no place to wait is not read: the connection is given up, and counted, and nothing is told twice", () => {
    const { world, heard } = stalled(40, 2);
    assert.equal(heard.length, 32, "as many as can be acknowledged");
    assert.equal(Status[explain(world.client).status], "CONGESTED");
    assert.deepEqual([world.client.counters.losses, world.client.counters.congestions], [1, 1]);
    world.peer.takeBytes = Number.POSITIVE_INFINITY;
    world.ready();
  });
});
