/** Tokens from memory and from the cloud: sharing, waiting, and the rules of the slots. */
import assert from "node:assert/strict";
import { APP, World } from "./world.js";

describe("a token", () => {
  it("that no cloud was asked for before comes in one round trip after the link is open", () => {
    const world = new World();
    const outcome = world.soon();
    assert.equal(outcome.name, "OK");
    assert.equal(outcome.token, `${APP}#1`);
    // Opening the link takes one latency, the round trip two.
    assert.equal(outcome.atMs, 3 * world.peer.latencyMs);
    assert.deepEqual(
      world.peer.requests.map(({ frame }) => frame.method),
      ["/v1/Auth.GenerateToken", "/v1/Hello"],
    );
  });
});
