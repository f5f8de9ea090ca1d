/** The mg-rpc dialect, against a device by Shelly's public documentation. */
import assert from "node:assert/strict";
import type { IPublishPacket } from "mqtt-packet";
import { MgRpcDevice } from "../servers/mg-rpc.js";
import { World, type WorldOptions } from "./world.js";

const SHELLY = "shellyplus1-a8032abe54dc";
const CLOUD = { dialect: "mg-rpc", address: SHELLY, user: "admin" } as const;
const PASSWORD = "secret";

/** A device of theirs that has the Auth service's methods, and ours beside it on one broker. */
function worldWith(password: string | null, options: WorldOptions): { world: World; shelly: MgRpcDevice } {
  const token = { token: "a token", expires_in: 600 };
  const shelly = new MgRpcDevice(SHELLY, password, {
    "/v1/Auth.GenerateToken": ({ host }) => ({ ...token, token: `for ${host}` }),
    "/v1/Auth.RevokeToken": () => null,
    "/v1/Auth.Authenticate": ({ id, credentials }) => id === "user_1" && credentials !== undefined,
  });
  const world = new World({ cloud: CLOUD, psk: PASSWORD, ...options });
  world.peer.intercept = (packet) => {
    if (packet.cmd !== "publish") return false;
    const { topic, payload, messageId } = packet as IPublishPacket;
    world.peer.send({ cmd: "puback", messageId: messageId as number });
    assert.equal(topic, `${SHELLY}/rpc`);
    const reply = shelly.handle(payload.toString());
    if (reply !== null) world.peer.publish(reply.payload, reply.topic);
    return true;
  };
  return { world, shelly };
}

describe("the dialect mg-rpc", () => {
  it("has params for args and no version, and takes answers by their own src", () => {
    const { world, shelly } = worldWith(null, { proof: "password" });
    const outcomes = [world.get(), world.authenticate()];
    world.ready().advance(200);
    const [token, verdict] = outcomes;
    assert.deepEqual([token.name, token.token], ["OK", "for app.example.com"]);
    assert.deepEqual([verdict.name, verdict.value], ["OK", true]);
    const frame = shelly.frames.find(({ method }) => method === "/v1/Auth.GenerateToken");
    assert.deepEqual(Object.keys(frame ?? {}), ["src", "id", "method", "params"]);
    assert.equal(world.client.counters.foreign, 0);
  });

  it("answers the digest challenge as admin, counts the nonce up, and takes a new one when it is stale", () => {
    const { world, shelly } = worldWith(PASSWORD, { proof: "digest" });
    const first = world.get();
    world.ready().advance(200);
    assert.equal(first.name, "OK");
    const second = world.generate();
    world.advance(200);
    assert.equal(second.name, "OK");
    const counts = shelly.frames.map(({ auth }) => (auth as { nc?: number } | undefined)?.nc);
    assert.equal(counts.at(-1), Math.max(...counts.map((count) => count ?? 1)));
    assert.ok((counts.at(-1) ?? 0) > 1);
    shelly.restart();
    const third = world.generate();
    world.advance(500);
    assert.equal(third.name, "OK");
  });

  it("with a wrong password ends with UNAUTHENTICATED", () => {
    const { world } = worldWith("another", { proof: "digest" });
    const call = world.authenticate();
    world.ready().advance(1_000);
    assert.equal(call.name, "UNAUTHENTICATED");
  });

  it("needs to know whom it speaks to, and no other dialect is known", () => {
    assert.throws(() => new World({ cloud: { dialect: "mg-rpc" } }), /needs cloud\.address/);
    assert.throws(() => new World({ cloud: { dialect: "jsonrpc" as "mg-rpc" } }), /must be "mg-rpc"/);
  });
});
