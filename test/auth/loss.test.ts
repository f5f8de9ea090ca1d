/** What ends a connection, and that the app is told. */

import assert from "node:assert/strict";
import { State } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { World } from "./world.js";

describe("a connection is given up", () => {
  const losses: [string, (world: World) => void][] = [
    ["is cut", (world) => world.peer.kick()],
    ["is ended for a mistake of the broker's", (world) => world.peer.sendBytes(Buffer.from([0xf0, 0x00]))],
  ];
  for (const [what, lose] of losses) {
    it(`when it ${what}, which is told though the next attempt is due at once`, () => {
      const world = new World().ready();
      world.entropy.fill = (bytes, from, to) => bytes.fill(0, from, to);
      const at = world.nowMs;
      world.states.length = 0;
      lose(world);
      world.until(() => world.states.includes(State.READY));
      assert.deepEqual(world.states, [State.WAITING, State.CONNECTING, State.READY]);
      assert.ok(world.nowMs - at <= 100, "without a wait");
    });
  }

  it("when it does not open in time", () => {
    const world = new World();
    world.peer.latencyMs = 1e6;
    world.advance(14_999);
    assert.equal(world.client.state, State.CONNECTING);
    world.advance(2);
    assert.equal(world.client.state, State.WAITING);
    assert.equal(explain(world.client).name, "CONNECT_TIMEOUT");
  });

  for (const silent of ["connect", "subscribe"]) {
    it(`when ${silent} is not answered in time`, () => {
      const world = new World();
      world.peer.intercept = ({ cmd }) => cmd === silent || silent === "connect";
      world.advance(15_001);
      assert.equal(explain(world.client).name, "CONNECT_TIMEOUT");
      world.peer.intercept = () => false;
      world.advance(2_000);
      assert.equal(world.client.state, State.READY);
    });
  }

  it("when a PINGREQ is not answered within its deadline", () => {
    const world = new World().ready();
    world.peer.intercept = ({ cmd }) => cmd === "pingreq";
    world.until(() => world.peer.packets.map(({ cmd }) => cmd).includes("pingreq"));
    const pingedAtMs = world.nowMs - world.peer.latencyMs;
    world.until(() => world.client.state !== State.READY);
    assert.equal(explain(world.client).name, "KEEP_ALIVE_TIMEOUT");
    assert.ok(Math.abs(world.nowMs - pingedAtMs - 10_000) <= 5, `after ${world.nowMs - pingedAtMs} ms`);
    world.peer.intercept = () => false;
    world.advance(2_000);
    assert.equal(world.client.state, State.READY);
  });

  it("when the link takes nothing any more, at the ping's deadline and without spinning", () => {
    const world = new World().ready();
    world.advance(1_000);
    world.peer.takeBytes = 0;
    const before = world.clock.wakes;
    world.until(() => world.client.state !== State.READY);
    assert.equal(explain(world.client).name, "KEEP_ALIVE_TIMEOUT");
    assert.ok(world.nowMs >= 54_000 && world.nowMs < 57_000, `at ${world.nowMs} ms`);
    assert.ok(world.clock.wakes - before < 20, `${world.clock.wakes - before} wakes`);
  });

  it("when the peer sends on and on and takes no acknowledgements", () => {
    const world = new World().ready();
    world.advance(1_000);
    world.peer.takeBytes = 0;
    for (let i = 0; i < 400; i++) world.peer.publish(`{"v":2,"id":${i + 1}}`);
    world.advance(world.peer.latencyMs);
    assert.equal(explain(world.client).name, "CONGESTED");
    world.peer.takeBytes = Number.POSITIVE_INFINITY;
    world.advance(2_000);
    assert.equal(world.client.state, State.READY);
  });

  it("but not when the link takes again in time: nothing is lost, and all is acknowledged in order", () => {
    const world = new World().ready();
    world.advance(1_000);
    const before = world.peer.packets.length;
    world.peer.takeBytes = 0;
    for (let i = 0; i < 50; i++) world.peer.publish(`{"v":2,"id":${i + 1}}`);
    const outcome = world.get();
    world.advance(2_000);
    world.peer.drain();
    world.advance(1_000);
    assert.equal(outcome.name, "OK");
    const acknowledged = world.peer.packets.slice(before).filter(({ cmd }) => cmd === "puback");
    assert.equal(acknowledged.length, 51);
    for (let i = 1; i < 50; i++) {
      assert.equal(acknowledged[i].messageId, (acknowledged[i - 1].messageId as number) + 1);
    }
  });
});
