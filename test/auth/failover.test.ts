/** Several places where the cloud is reached: which one is tried when. */

import assert from "node:assert/strict";
import { State } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import type { Peer } from "./peer.js";
import { APP, World } from "./world.js";

const STABLE_MS = 60_000;
const PLACES = {
  port: 8883,
  alternatives: [{ host: "b.example.com" }, { host: "c.example.com", port: 443 }],
};
const A = "cloud.example.com:8883";
const B = "b.example.com:8883";
const C = "c.example.com:443";

describe("a list of places where the cloud is reached", () => {
  let world: World;
  let down: Set<string>;

  beforeEach(() => {
    down = new Set();
    // No counter proves it: who is refused asks for none.
    world = new World({ cloud: PLACES, proof: "password" });
    world.peer.isReachableAt = ({ host, port }) => !down.has(`${host}:${port}`);
  });

  it("the first is used as long as it serves", () => {
    world.ready();
    assert.deepEqual(world.peer.addresses, [A]);
    assert.equal(explain(world.client).cloud, A);
  });

  it("each failure leads on to the next, and from the last to the first again", () => {
    for (const place of [A, B, C]) down.add(place);
    world.until(() => world.peer.opens === 7);
    assert.deepEqual(world.peer.addresses, [A, B, C, A, B, C, A]);
  });

  it("the one that answers is used, and the waits grow no longer by that", () => {
    down.add(A).add(B);
    world.ready();
    assert.deepEqual(world.peer.addresses, [A, B, C]);
    assert.ok(world.nowMs < 4_000, `ready after ${world.nowMs} ms`);
    const outcome = world.get(APP);
    world.until(() => outcome.name !== "pending");
    assert.equal(outcome.name, "OK");
  });

  it("a broker that refuses us is a failure too", () => {
    world.peer.returnCode = 3;
    world.until(() => world.peer.opens === 3);
    assert.deepEqual(world.peer.addresses, [A, B, C]);
  });

  for (const [what, refuse] of [
    ["CONNACK 5", (peer: Peer) => (peer.returnCode = 5)],
    ["SUBACK 0x80", (peer: Peer) => (peer.granted = 128)],
  ] as const) {
    it(`one that refuses us, by ${what}, keeps us no longer from the next than one that is down`, () => {
      refuse(world.peer);
      world.until(() => world.peer.opens === 2);
      world.peer.returnCode = 0;
      world.peer.granted = 1;
      world.ready();
      assert.deepEqual(world.peer.addresses, [A, B]);
      assert.ok(world.nowMs < 2_000, `ready after ${world.nowMs} ms`);
    });
  }

  it("the long wait comes when all of them have refused us, and then each is asked once more", () => {
    world.peer.returnCode = 5;
    world.advance(3_600_000);
    assert.deepEqual(world.peer.addresses.slice(0, 6), [A, B, C, A, B, C]);
    const waitsMs = world.peer.openedAtMs.slice(1).map((ms, i) => ms - (world.peer.openedAtMs[i] as number));
    for (const long of [2, 5]) assert.ok((waitsMs[long] as number) >= 150_000, `${waitsMs}`);
    for (const short of [0, 1, 3, 4]) assert.ok((waitsMs[short] as number) < 20_000, `${waitsMs}`);
    assert.ok(world.peer.opens < 60, `${world.peer.opens} in an hour`);
  });

  it("a place that refuses us is asked no less often because of another that is down", () => {
    down.add(B).add(C);
    world.peer.returnCode = 5;
    world.until(() => world.peer.opens === 4);
    assert.deepEqual(world.peer.addresses, [A, B, C, A]);
  });

  it("after a stable connection the first is tried again; after one that was kicked at once the next", () => {
    down.add(A);
    world.ready();
    world.peer.kick();
    world.ready();
    assert.deepEqual(world.peer.addresses, [A, B, C]);
    world.advance(STABLE_MS);
    down.clear();
    world.peer.kick();
    world.until(() => world.client.state === State.READY && world.peer.opens === 4);
    assert.equal(world.peer.addresses.at(-1), A);
  });

  it("what keeps us from one place is told with that place, until the next is tried", () => {
    down.add(A);
    world.until(() => explain(world.client).name === "UNREACHABLE");
    assert.equal(explain(world.client).cloud, A);
    world.until(() => explain(world.client).cloud === B);
  });

  it("a rest ends at the place where it began", () => {
    down.add(A);
    world.ready();
    world.client.suspend();
    world.until(() => world.client.state === State.SUSPENDED);
    world.client.resume();
    world.ready();
    assert.deepEqual(world.peer.addresses, [A, B, B]);
  });

  it("a port that cannot be is told", () => {
    const cloud = { alternatives: [{ host: "b.example.com", port: 70_000 }] };
    assert.throws(
      () => new World({ cloud }),
      /cloud\.alternatives\[0\]\.port is 70000; it must be a whole number from 1 to 65535/,
    );
  });
});
