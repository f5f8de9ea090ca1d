/** Revoked tokens stay revoked, whatever is under way; refused ones are replaced once. */
import assert from "node:assert/strict";
import { Status } from "../../firmware/index.js";
import type { Request } from "./peer.js";
import { APP, names, World } from "./world.js";

/** Lets requests of one method lie until they are answered by hand. */
const hold = (world: World, method: string): Request[] => {
  const held: Request[] = [];
  world.peer.answer = (request) => {
    if (request.frame.method !== `/v1/Auth.${method}`) return world.service.answer(request);
    held.push(request);
    return undefined;
  };
  return held;
};

describe("a revocation", () => {
  it("ends the token here at once and in the cloud in one round trip", () => {
    const world = new World();
    world.soon();
    const outcome = world.revoke();
    world.advance(2 * world.peer.latencyMs);
    assert.equal(outcome.name, "OK");
    assert.equal(outcome.token, undefined);
    assert.ok(!world.service.has(APP));
    assert.equal(world.soon().token, `${APP}#2`);
  });

  it("of a token that nobody has succeeds", () => {
    const world = new World();
    const outcome = world.revoke();
    world.advance(1_000);
    assert.equal(outcome.name, "OK");
    assert.equal(world.peer.asked("RevokeToken").length, 1);
  });

  it("needs no callback", () => {
    const world = new World();
    world.soon();
    assert.equal(world.client.host(APP).revokeToken(null), Status.OK);
    world.advance(1_000);
    assert.ok(!world.service.has(APP));
  });

  it("ends those who wait for a token with REVOKED", () => {
    const world = new World().ready();
    hold(world, "GenerateToken");
    const waiting = [world.get(), world.generate(), world.get()];
    world.advance(100);
    const revoked = world.revoke();
    world.advance(100);
    assert.deepEqual(names(waiting), ["REVOKED", "REVOKED", "REVOKED"]);
    assert.equal(revoked.name, "OK");
  });

  it("does not end those who wait for another host", () => {
    const world = new World().ready();
    const other = world.get("b.example.com");
    world.revoke();
    world.advance(1_000);
    assert.equal(other.name, "OK");
  });

  it("is not undone by a late answer: that leads to one more RevokeToken, and to no token", () => {
    const world = new World().ready();
    const held = hold(world, "GenerateToken");
    world.get();
    world.advance(100);
    world.revoke();
    world.advance(100);
    assert.equal(world.peer.asked("RevokeToken").length, 1);
    world.peer.reply(held[0], world.service.answer(held[0]));
    world.advance(100);
    assert.equal(world.peer.asked("RevokeToken").length, 2);
    assert.ok(!world.service.has(APP));
    world.advance(60_000);
    assert.equal(world.peer.asked("RevokeToken").length, 2);
    world.peer.answer = (request) => world.service.answer(request);
    assert.equal(world.soon().token, `${APP}#2`, "a new one, not the late one");
  });

  it("with an answer still out holds back the next token: the RevokeToken for the late one would end that too", () => {
    const world = new World().ready();
    const held = hold(world, "GenerateToken");
    world.get();
    world.advance(100);
    world.revoke();
    const wanting = world.get();
    world.advance(100);
    assert.equal(held.length, 1);
    world.peer.answer = (request) => world.service.answer(request);
    world.peer.reply(held[0], world.service.answer(held[0]));
    world.advance(1_000);
    assert.equal(wanting.token, `${APP}#2`);
    assert.equal(world.service.current(APP), `${APP}#2`);
  });

  it("of a call that is never answered is followed by one more, since the cloud may have made the token", () => {
    const world = new World().ready();
    hold(world, "GenerateToken");
    world.get();
    world.advance(100);
    world.revoke();
    world.advance(60_000);
    assert.equal(world.peer.asked("RevokeToken").length, 2);
    assert.equal(world.peer.asked("GenerateToken").length, 1, "the call that was revoked is not repeated");
  });

  it("of a call whose connection is lost is followed by one more", () => {
    const world = new World().ready();
    hold(world, "GenerateToken");
    world.get();
    world.advance(100);
    world.revoke();
    world.advance(100);
    world.peer.kick();
    world.advance(30_000);
    assert.equal(world.peer.asked("RevokeToken").length, 2);
    assert.ok(!world.service.has(APP));
  });

  it("of a refresh under way keeps its new token out", () => {
    const world = new World();
    world.soon();
    const held = hold(world, "GenerateToken");
    while (held.length === 0) world.soon(APP, 2_000);
    world.revoke();
    world.peer.reply(held[0], world.service.answer(held[0]));
    world.advance(1_000);
    assert.ok(!world.service.has(APP));
    const before = world.peer.requests.length;
    world.advance(3_600_000);
    assert.equal(world.peer.asked("GenerateToken").length, 2, "nobody asked: nothing is fetched");
    assert.equal(world.peer.requests.length, before);
  });

  it("before anything was sent takes the call back, and tells the cloud all the same", () => {
    const world = new World();
    const waiting = world.get();
    const revoked = world.revoke();
    world.advance(1_000);
    assert.equal(waiting.name, "REVOKED");
    assert.equal(revoked.name, "OK");
    assert.equal(world.peer.asked("GenerateToken").length, 0);
    assert.equal(world.peer.asked("RevokeToken").length, 1);
  });

  it("in an outage is kept, and sent after the reconnect; its caller is told why it took so long", () => {
    const world = new World();
    world.soon();
    world.peer.isReachable = false;
    world.peer.kick();
    world.advance(400_000);
    const revoked = world.revoke();
    const wanting = world.get();
    world.advance(30_000);
    assert.deepEqual(names([revoked, wanting]), ["UNREACHABLE", "UNREACHABLE"]);
    assert.ok(world.service.has(APP));
    world.peer.isReachable = true;
    world.advance(301_000);
    assert.ok(!world.service.has(APP));
    assert.equal(world.peer.asked("RevokeToken").length, 1);
    assert.equal(world.soon().token, `${APP}#2`);
  });

  it("while suspended is kept, and sent after resume", () => {
    const world = new World();
    world.soon();
    world.client.suspend();
    world.advance(1_000);
    const revoked = world.revoke();
    world.advance(5_000);
    assert.equal(revoked.name, "pending");
    world.client.resume();
    world.advance(1_000);
    assert.equal(revoked.name, "OK");
    assert.ok(!world.service.has(APP));
  });

  it("that the cloud cannot take now is tried again until it does", () => {
    const world = new World();
    world.soon();
    let refusals = 8;
    world.peer.answer = (request) =>
      request.frame.method === "/v1/Auth.RevokeToken" && refusals-- > 0
        ? { error: { code: 503 } }
        : world.service.answer(request);
    world.revoke();
    world.advance(1_200_000);
    assert.equal(world.peer.asked("RevokeToken").length, 9);
    assert.ok(!world.service.has(APP));
  });

  it("that the cloud refuses for good is told so, and not sent again", () => {
    const world = new World();
    world.soon();
    world.peer.answer = () => ({ error: { code: 403 } });
    const revoked = world.revoke();
    world.advance(600_000);
    assert.equal(revoked.name, "FORBIDDEN");
    assert.equal(world.peer.asked("RevokeToken").length, 1);
  });

  it("comes before a token that is asked for after it", () => {
    const world = new World();
    world.soon();
    world.revoke();
    const outcome = world.get();
    world.advance(1_000);
    assert.equal(outcome.token, `${APP}#2`);
    assert.ok(world.service.has(APP));
    assert.deepEqual(
      world.peer.requests.slice(2).map(({ frame }) => frame.method),
      ["/v1/Auth.RevokeToken", "/v1/Auth.GenerateToken"],
    );
  });

  it("asked for twice at once is told to both", () => {
    const world = new World();
    world.soon();
    const both = [world.revoke(), world.revoke()];
    world.advance(1_000);
    assert.deepEqual(names(both), ["OK", "OK"]);
    assert.equal(world.peer.asked("RevokeToken").length, 1);
  });

  it("that is answered late holds back the next token, which then stays", () => {
    const world = new World();
    world.soon();
    const held = hold(world, "RevokeToken");
    world.revoke();
    world.advance(100);
    const wanting = world.get();
    world.advance(100);
    assert.equal(wanting.name, "pending", "not before the revocation is through");
    world.peer.reply(held[0], world.service.answer(held[0]));
    world.advance(1_000);
    assert.equal(wanting.name, "OK");
    assert.ok(world.service.has(APP));
    world.advance(60_000);
    assert.ok(world.service.has(APP));
  });
});

describe("rejected()", () => {
  it("fetches one new token, at once and without asking GetToken", () => {
    const world = new World();
    const first = world.soon();
    assert.equal(world.client.host(APP).rejected(first.generation), Status.OK);
    const second = world.get();
    world.advance(1_000);
    assert.equal(second.token, `${APP}#2`);
    assert.equal(world.peer.asked("GetToken").length, 0);
    assert.equal(world.peer.asked("GenerateToken").length, 2);
  });

  it("of the token before the present one is STALE, and changes nothing", () => {
    const world = new World();
    world.soon();
    world.generate();
    world.advance(1_000);
    assert.equal(world.client.host(APP).rejected(1), Status.STALE);
    assert.equal(world.soon(APP, 0).token, `${APP}#2`);
    assert.equal(world.client.host(APP).rejected(7), Status.STALE);
    assert.equal(world.client.host("b.example.com").rejected(0), Status.STALE, "never had one");
  });

  it("twice of one token is STALE the second time", () => {
    const world = new World();
    world.soon();
    assert.equal(world.client.host(APP).rejected(1), Status.OK);
    assert.equal(world.client.host(APP).rejected(1), Status.STALE);
    world.advance(1_000);
    assert.equal(world.peer.asked("GenerateToken").length, 2);
  });

  it("of the new token too is REJECTED, and getToken says so without a request", () => {
    const world = new World();
    const host = world.client.host(APP);
    host.rejected(world.soon().generation);
    assert.equal(host.rejected(world.soon().generation), Status.REJECTED);
    const before = world.peer.requests.length;
    assert.deepEqual(names([world.soon(), world.soon()]), ["REJECTED", "REJECTED"]);
    assert.equal(world.peer.requests.length, before);
  });

  it("by an app that refuses every token is no loop: a few requests in an hour", () => {
    const world = new World();
    const host = world.client.host(APP);
    for (let i = 0; i < 3_600; i++) {
      const outcome = world.soon();
      if (outcome.status === Status.OK) host.rejected(outcome.generation);
    }
    const count = world.peer.asked("GenerateToken").length;
    assert.ok(count >= 2 && count <= 30, `${count} tokens`);
  });

  it("that was reported is over when the app asks for a new token itself", () => {
    const world = new World();
    const host = world.client.host(APP);
    host.rejected(world.soon().generation);
    host.rejected(world.soon().generation);
    const fresh = world.generate();
    world.advance(1_000);
    assert.equal(fresh.token, `${APP}#3`);
    assert.equal(world.soon().token, `${APP}#3`);
  });

  it("long after the last one counts as the first: a token that lasted to its refresh was good", () => {
    const world = new World();
    const host = world.client.host(APP);
    host.rejected(world.soon().generation);
    for (let i = 0; i < 61; i++) world.soon(APP, 60_000);
    const { generation, token } = world.soon();
    assert.equal(token, `${APP}#3`);
    assert.equal(host.rejected(generation), Status.OK);
    assert.equal(world.soon().token, `${APP}#4`);
  });

  it("while a refresh is under way waits for that one, and takes no other", () => {
    const world = new World();
    world.soon();
    const held = hold(world, "GenerateToken");
    while (held.length === 0) world.soon(APP, 2_000);
    const { generation } = world.soon(APP, 0);
    assert.equal(world.client.host(APP).rejected(generation), Status.OK);
    const waiting = world.soon(APP, 100);
    assert.equal(waiting.name, "pending");
    world.peer.reply(held[0], world.service.answer(held[0]));
    world.advance(1_000);
    assert.equal(waiting.token, `${APP}#2`);
    assert.equal(world.peer.asked("GenerateToken").length, 2);
  });

  it("in an outage fetches the new token after it", () => {
    const world = new World();
    const { generation } = world.soon();
    world.peer.isReachable = false;
    world.peer.kick();
    world.client.host(APP).rejected(generation);
    world.advance(600_000);
    assert.notEqual(world.soon(APP, 100).name, "OK");
    world.peer.isReachable = true;
    world.advance(301_000);
    assert.equal(world.soon().token, `${APP}#2`);
  });
});
