/** The proof `digest` (mg-rpc): which challenges are answered, how, and how often. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Status } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import type { Frame } from "./peer.js";
import { APP, PSK, World } from "./world.js";

describe("a digest challenge", () => {
  const H = (text: string): string => createHash("sha256").update(text).digest("hex");
  const REALM = "shellyplus1-test";

  /** Whether the frame's `auth` is the right answer for this nonce. */
  const isRight = ({ auth }: Frame, nonce: number | string): boolean => {
    if (auth === undefined) return false;
    const ha1 = H(`device_123:${REALM}:${PSK}`);
    const ha2 = H("dummy_method:dummy_uri");
    const response = H(`${ha1}:${nonce}:${auth.nc ?? 1}:${auth.cnonce}:auth:${ha2}`);
    return (
      auth.response === response &&
      auth.nonce === nonce &&
      auth.realm === REALM &&
      auth.username === "device_123"
    );
  };

  /** A world whose cloud asks for a digest under the nonces of a list, one after the other. */
  const challenging = (nonces: (number | string)[], algorithm = "SHA-256"): World => {
    const world = new World({ proof: "digest" });
    world.peer.answer = (request) => {
      if (isRight(request.frame, nonces[0])) return world.service.answer(request);
      const message = { auth_type: "digest", nonce: nonces[0], nc: 1, realm: REALM, algorithm };
      return { error: { code: 401, message: JSON.stringify(message) } };
    };
    return world;
  };

  for (const nonce of [1_638_000_000, "1638000000", "dcd98b7102dd2f0e8b11d0f600bfb0c093"]) {
    it(`with the nonce ${JSON.stringify(nonce)} is answered with it as it came`, () => {
      const world = challenging([nonce]);
      assert.equal(world.soon().name, "OK");
      assert.equal(world.peer.asked("GenerateToken").length, 2);
      assert.equal(world.soon().name, "OK");
    });
  }

  it("serves all requests while its nonce lives: one round trip each, nc counted up", () => {
    const world = challenging([7]);
    world.soon();
    const before = world.peer.requests.length;
    for (let i = 0; i < 3; i++) {
      world.generate();
      world.advance(100);
    }
    const later = world.peer.requests.slice(before).map(({ frame }) => frame.auth?.nc);
    assert.equal(later.length, 3);
    assert.deepEqual(later, [...later].sort());
    assert.equal(new Set(later).size, 3);
  });

  it("whose nonce went stale is answered once more under the fresh one", () => {
    const nonces = [7, 8];
    const world = challenging(nonces);
    world.soon();
    nonces.shift();
    const outcome = world.generate();
    world.advance(1_000);
    assert.equal(outcome.name, "OK");
  });

  it("whose nonce is held against us by 429 is not answered any more: the next call asks for another", () => {
    const world = challenging([7]);
    world.soon();
    const { answer } = world.peer;
    world.peer.answer = () => ({ error: { code: 429, message: "Too many failed authentication attempts" } });
    const throttled = world.authenticate();
    world.advance(100);
    assert.equal(throttled.name, "THROTTLED");
    world.peer.answer = answer;
    const before = world.peer.requests.length;
    const outcome = world.authenticate();
    world.advance(1_000);
    assert.equal(outcome.name, "OK");
    assert.equal(world.peer.requests[before]?.frame.auth, undefined);
  });

  it("that is never content ends the call with UNAUTHENTICATED after a few tries", () => {
    const world = challenging([7]);
    const { answer } = world.peer;
    let nonce = 1;
    world.peer.answer = () => {
      nonce++;
      const message = { auth_type: "digest", nonce, nc: 1, realm: REALM, algorithm: "SHA-256" };
      return { error: { code: 401, message: JSON.stringify(message) } };
    };
    assert.equal(world.soon().name, "UNAUTHENTICATED");
    assert.ok(world.peer.asked("GenerateToken").length <= 3);
    world.peer.answer = answer;
    world.advance(2_000);
    assert.equal(world.soon().name, "OK", "and the next call begins afresh");
  });

  for (const algorithm of ["MD5", "SHA-1", "sha-256", ""]) {
    it(`for ${algorithm || "no algorithm"} is refused, and nothing is computed for it`, () => {
      const world = challenging([7], algorithm);
      assert.equal(world.soon().name, "CHALLENGE_REFUSED");
      assert.ok(world.peer.requests.every(({ frame }) => frame.auth === undefined));
    });
  }

  it("without a challenge inside is UNAUTHENTICATED", () => {
    for (const message of [
      undefined,
      "no",
      "{}",
      '{"auth_type":"basic","nonce":1,"realm":"r"}',
      "[1]",
      '{"a',
    ]) {
      const world = new World({ proof: "digest" });
      world.peer.answer = () => ({ error: { code: 401, message } });
      assert.equal(world.soon().name, "UNAUTHENTICATED");
      assert.equal(explain(world.client).status, Status.UNAUTHENTICATED);
    }
  });

  for (const members of [
    '"nonce":[7]',
    '"nonce":{"nonce":7}',
    '"nonce":true',
    '"nonce":7,"nonce":7',
    '"nonce":7,"realm":"x"',
    '"nonce":7,"auth_type":["digest"]',
    '"nonce":7,"algorithm":"SHA-256"',
  ]) {
    it(`with ${members} says nothing, or says it twice: UNAUTHENTICATED`, () => {
      const world = new World({ proof: "digest" });
      const message = `{"auth_type":"digest","realm":"${REALM}","algorithm":"SHA-256",${members}}`;
      world.peer.answer = () => ({ error: { code: 401, message } });
      assert.equal(world.soon().name, "UNAUTHENTICATED");
      assert.ok(world.peer.requests.every(({ frame }) => frame.auth === undefined));
    });
  }

  it("to a device whose proof is another is not answered", () => {
    const world = new World({ proof: "counter" });
    const message = { auth_type: "digest", nonce: 1, nc: 1, realm: REALM, algorithm: "SHA-256" };
    world.peer.answer = () => ({ error: { code: 401, message: JSON.stringify(message) } });
    assert.equal(world.soon(APP, 100).name, "UNAUTHENTICATED");
    assert.ok(world.peer.requests.every(({ frame }) => frame.auth === undefined));
  });
});
