/** Several places where the cloud is reached: which one is tried when. */
import assert from "node:assert/strict";
import { State } from "../../firmware/index.js";
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
    world = new World({ cloud: PLACES });
    world.peer.isReachableAt = ({ host, port }) => !down.has(`${host}:${port}`);
  });

  it("the first is used as long as it serves", () => {
    world.ready();
    assert.deepEqual(world.peer.addresses, [A]);
    assert.equal(world.client.explain().cloud, A);
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
    world.until(() => world.client.explain().name === "UNREACHABLE");
    assert.equal(world.client.explain().cloud, A);
    world.until(() => world.client.explain().cloud === B);
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
