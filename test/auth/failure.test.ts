/** What explain() says: each failure is told of what it befell, where it did, for as long as it holds. */

import assert from "node:assert/strict";
import { State, Status } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import type { Request } from "./peer.js";
import { APP, World } from "./world.js";

const A = "cloud.example.com:1883";
const B = "b.example.com:1883";
const OTHER = "other.example.com";

const told = (world: World): string => {
  const { name, code, cloud } = explain(world.client);
  return `${name} ${code} ${cloud}`;
};

describe("a failure", () => {
  it("of a call is told with its code, until that host's next call succeeds", () => {
    const world = new World().ready();
    const answer = world.peer.answer;
    world.peer.answer = (request) =>
      request.frame.args.host === APP ? { error: { code: 403, message: "no" } } : answer(request);
    world.soon();
    assert.equal(told(world), `FORBIDDEN 403 ${A}`);
    assert.equal(world.soon(OTHER).name, "OK");
    assert.equal(told(world), `FORBIDDEN 403 ${A}`, "another host's success is none of this one's");
    world.peer.answer = answer;
    assert.equal(world.soon(APP, 400_000).name, "OK");
    assert.equal(told(world), `OK 0 ${A}`);
  });

  it("is the latest of several", () => {
    const world = new World().ready();
    const codes = new Map([
      [APP, 403],
      [OTHER, 400],
    ]);
    world.peer.answer = ({ frame }: Request) => ({
      error: { code: codes.get(String(frame.args.host)) ?? 404, message: "no" },
    });
    world.soon();
    world.soon(OTHER);
    assert.equal(told(world), `BAD_ARGUMENTS 400 ${A}`);
    world.list();
    world.advance(1_000);
    assert.equal(told(world), `NOT_FOUND 404 ${A}`);
  });

  it("names the place that it was met at, wherever the client is by now", () => {
    const world = new World({ cloud: { alternatives: [{ host: "b.example.com" }] } }).ready();
    world.peer.answer = () => ({ error: { code: 403, message: "no" } });
    world.soon();
    world.peer.kick();
    world.until(() => world.peer.addresses.at(-1) === B && world.client.state === State.READY);
    assert.equal(told(world), `FORBIDDEN 403 ${A}`);
  });

  it("of the connection comes before those of calls, and ends with the next connection", () => {
    const world = new World().ready();
    world.peer.answer = () => ({ error: { code: 403, message: "no" } });
    world.soon();
    world.peer.kick();
    world.advance(0);
    assert.equal(told(world), `CONNECTION_LOST 0 ${A}`);
    world.ready();
    assert.equal(told(world), `FORBIDDEN 403 ${A}`);
  });

  it("of a connection that a call waited for is none of the call's", () => {
    const world = new World({ limits: { backoffBaseMs: 60_000, backoffCapMs: 60_000 } });
    world.peer.isReachable = false;
    world.peer.whyUnreachable = Status.TLS_CA;
    const outcome = world.get();
    world.until(() => outcome.status !== undefined);
    assert.equal(outcome.name, "TLS_CA");
    assert.equal(told(world), `TLS_CA 0 ${A}`);
    world.peer.isReachable = true;
    world.peer.answer = () => undefined;
    world.ready();
    assert.equal(told(world), `OK 0 ${A}`);
  });

  it("of a call that is still unanswered is told when its caller is", () => {
    const world = new World().ready();
    world.peer.answer = () => undefined;
    const outcome = world.get();
    world.until(() => outcome.status !== undefined);
    assert.equal(outcome.name, "TIMEOUT");
    assert.equal(told(world), `TIMEOUT 0 ${A}`);
  });

  it("is a dropped frame only while the call waits that it may have answered", () => {
    const world = new World().ready();
    const calls: Request[] = [];
    world.peer.answer = (request) => {
      calls.push(request);
      return undefined;
    };
    const [outcome, other] = [world.get(), world.get(OTHER)];
    world.advance(100);
    const [id] = calls.map(({ frame }) => frame.id);
    world.peer.publish(`{"id":${id},"result":{},"result":{}}`);
    world.until(() => outcome.status !== undefined && other.status !== undefined);
    const kept = [APP, OTHER].map((host) => Status[world.client.host(host).failure.status]);
    assert.deepEqual(kept.sort(), ["FRAME_DUPLICATE", "TIMEOUT"], "the other call had no part in it");
  });

  for (const status of [Status.TLS_CA, Status.TLS_CLIENT_REFUSED, Status.NO_SOCKET, Status.WS_REFUSED]) {
    it(`of the connection, ${Status[status]}, takes no owed revocation away`, () => {
      const world = new World();
      assert.equal(world.soon().name, "OK");
      world.peer.isReachable = false;
      world.peer.whyUnreachable = status;
      world.peer.kick();
      world.revoke();
      world.advance(400_000);
      assert.ok(world.service.has(APP));
      world.peer.isReachable = true;
      world.advance(400_000);
      assert.ok(!world.service.has(APP), "it is revoked once there is a connection");
    });
  }
});
