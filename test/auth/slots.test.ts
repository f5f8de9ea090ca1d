/** The slots: fewer tokens are kept than there are hosts; who leaves, and how it comes back. */
import assert from "node:assert/strict";
import type { Token } from "../../firmware/index.js";
import { World } from "./world.js";

const [A, B, C] = ["a.example.com", "b.example.com", "c.example.com"];

/** Methods and hosts that the cloud was asked, Hello left out. */
const asked = (world: World, from = 0): string[] =>
  world.peer.requests
    .slice(from)
    .filter(({ frame }) => frame.method !== "/v1/Hello")
    .map(({ frame }) => `${frame.method.replace("/v1/Auth.", "")} ${String(frame.args.host)[0]}`);

describe("a slot", () => {
  it("is taken from the least recently used token", () => {
    const world = new World();
    world.soon(A);
    world.soon(B);
    world.soon(A);
    world.soon(C);
    const before = world.peer.requests.length;
    world.soon(A);
    assert.deepEqual(asked(world, before), [], "A was used after B and is still there");
    world.soon(B);
    assert.deepEqual(asked(world, before), ["GetToken b"]);
  });

  it("is taken without revoking: the token that left comes back by GetToken, the same one", () => {
    const world = new World({ limits: { slots: 1 } });
    world.soon(A);
    world.soon(B);
    const back = world.soon(A);
    assert.equal(back.token, `${A}#1`);
    assert.deepEqual(asked(world), ["GenerateToken a", "GenerateToken b", "GetToken a"]);
    assert.ok(back.remainingMs < 3_600_000 - 1_000, "what is left is what the cloud said is left");
  });

  it("whose token left and is gone from the cloud too is filled by GetToken and then GenerateToken", () => {
    const world = new World({ limits: { slots: 1 } });
    world.service.lifetimeS = 100;
    world.soon(A);
    world.soon(B);
    world.advance(200_000);
    const back = world.soon(A);
    assert.equal(back.name, "OK");
    assert.deepEqual(asked(world).slice(-2), ["GetToken a", "GenerateToken a"]);
  });

  it("of a token with no second left in the cloud's answer is filled anew", () => {
    const world = new World({ limits: { slots: 1 } });
    world.soon(A);
    world.soon(B);
    world.peer.answer = (request) =>
      request.frame.method === "/v1/Auth.GetToken"
        ? { result: { exist: true, token: "nearly over", expires_in: 0 } }
        : world.service.answer(request);
    assert.equal(world.soon(A).token, `${A}#3`);
  });

  it("is never taken from a host with a call in flight: the other waits for its turn", () => {
    const world = new World({ limits: { slots: 1 } }).ready();
    const a = world.get(A);
    world.advance(1);
    const b = world.get(B);
    world.advance(2 * world.peer.latencyMs - 2);
    assert.deepEqual(asked(world), ["GenerateToken a"]);
    assert.equal(a.name, "pending");
    world.advance(1_000);
    assert.equal(a.token, `${A}#1`);
    assert.equal(b.token, `${B}#2`);
  });

  it("serves any number of hosts that ask at once, one after the other", () => {
    const world = new World({ limits: { slots: 1 } }).ready();
    const outcomes = [A, B, C].map((host) => world.get(host));
    world.advance(1_000);
    assert.deepEqual(
      outcomes.map(({ token }) => token?.split("#")[0]),
      [A, B, C],
    );
  });

  it("is wiped when its token leaves", () => {
    const world = new World({ limits: { slots: 1 } });
    let kept: Token["bytes"] = new Uint8Array(0);
    world.client.host(A).getToken((_, token) => {
      kept = (token as Token).bytes;
    });
    world.advance(1_000);
    assert.equal(Buffer.from(kept).toString().split("#")[0], A);
    world.peer.answer = () => undefined;
    world.get(B);
    world.advance(100);
    assert.deepEqual(asked(world).slice(-1), ["GenerateToken b"]);
    assert.ok(
      kept.every((byte) => byte === 0),
      "before the new one came",
    );
  });

  it("is wiped when its token is over", () => {
    const world = new World();
    world.service.lifetimeS = 10;
    let kept: Token["bytes"] = new Uint8Array(0);
    world.client.host(A).getToken((_, token) => {
      kept = (token as Token).bytes;
    });
    world.advance(1_000);
    world.peer.answer = () => undefined;
    world.advance(100_000);
    world.get(A);
    world.advance(1);
    assert.ok(kept.every((byte) => byte === 0));
  });
});
