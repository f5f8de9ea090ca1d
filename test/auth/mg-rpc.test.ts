/** The mg-rpc dialect, against a device by Shelly's public documentation. */
import assert from "node:assert/strict";
import type { IPublishPacket } from "mqtt-packet";
import { Status } from "../../firmware/index.js";
import { type MgNonces, MgRpcDevice } from "../servers/mg-rpc.js";
import { cut } from "../wire/transcript.js";
import { names, World, type WorldOptions } from "./world.js";

const SHELLY = "shellyplus1-a8032abe54dc";
const CLOUD = { dialect: "mg-rpc", address: SHELLY, user: "admin" } as const;
const PASSWORD = "secret";

/** A device of theirs that has the Auth service's methods, and ours beside it on one broker. */
function worldWith(
  password: string | null,
  options: WorldOptions,
  nonces: MgNonces = "counted",
): { world: World; shelly: MgRpcDevice } {
  const token = { token: "a token", expires_in: 86_400 };
  const world = new World({ cloud: CLOUD, psk: PASSWORD, ...options });
  const now = () => 1_638_000_000 + Math.floor(world.nowMs / 1000);
  const methods = {
    "/v1/Auth.GenerateToken": ({ host }: Record<string, unknown>) => ({ ...token, token: `for ${host}` }),
    "/v1/Auth.RevokeToken": () => null,
    "Switch.Set": ({ id, on }: Record<string, unknown>) => ({ was_on: on !== true, id }),
    "Shelly.GetConfig": () => ({ wifi: { ssid: '\u00e9 "home"', list: [1, 2, [3]] }, pad: "x".repeat(300) }),
    "Sys.SetTime": () => "now",
    "Shelly.Reboot": () => undefined,
    "/v1/Auth.Authenticate": ({ id, credentials }: Record<string, unknown>) =>
      id === "user_1" && credentials !== undefined,
  };
  const shelly = new MgRpcDevice({ id: SHELLY, password, nonces, now, methods });
  world.peer.intercept = (packet) => {
    if (packet.cmd !== "publish") return false;
    const { topic, payload, messageId } = packet as IPublishPacket;
    if (messageId !== undefined) world.peer.send({ cmd: "puback", messageId });
    if (topic !== `${SHELLY}/rpc`) return true;
    const reply = shelly.handle(payload.toString());
    if (reply !== null) world.peer.publish(reply.payload, `${reply.dst}/rpc`);
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

  for (const nonces of ["seconds", "counted"] as const) {
    describe(`answers digest challenges whose nonces are ${nonces}`, () => {
      it("as admin; a nonce serves while it lives, and a new one is taken when it is stale", () => {
        const { world, shelly } = worldWith(PASSWORD, { proof: "digest" }, nonces);
        const first = world.get();
        world.ready().advance(200);
        assert.equal(first.name, "OK");
        for (let i = 0; i < 4; i++) {
          const later = world.generate();
          world.advance(1_500);
          assert.equal(later.name, "OK");
        }
        // One challenge to begin with; one more shows that a device does not count.
        assert.equal(shelly.challenges, nonces === "counted" ? 1 : 2);
        shelly.restart();
        world.advance(3_600_000);
        const last = world.generate();
        world.advance(500);
        assert.equal(last.name, "OK");
      });

      it("in calls that left together, each with its own", () => {
        const { world, shelly } = worldWith(PASSWORD, { proof: "digest" }, nonces);
        for (let round = 0; round < 3; round++) {
          const calls = [world.generate("a.example"), world.generate("b.example"), world.authenticate()];
          if (round === 0) world.ready();
          world.advance(700);
          assert.deepEqual(names(calls), ["OK", "OK", "OK"]);
          shelly.restart();
          world.advance(3_600_000);
        }
      });
    });
  }

  it("asks for nothing that a device does not have: each challenge takes one of its few nonces", () => {
    const { world, shelly } = worldWith(PASSWORD, { proof: "digest" });
    world.ready().advance(2_000);
    assert.deepEqual(shelly.frames, []);
  });

  it("with a wrong password ends with UNAUTHENTICATED", () => {
    const { world } = worldWith("another", { proof: "digest" });
    const call = world.authenticate();
    world.ready().advance(1_000);
    assert.equal(call.name, "UNAUTHENTICATED");
  });

  const call = (world: World, method: string, args: object, bytes = 512) => {
    const out = Buffer.alloc(bytes);
    const outcome = { name: "pending", length: -1, text: "" };
    const status = world.client.call(method, Buffer.from(JSON.stringify(args)), out, (end, length) => {
      Object.assign(outcome, { name: Status[end], length, text: out.toString("utf8", 0, length) });
    });
    if (status !== Status.OK) outcome.name = Status[status];
    return outcome;
  };

  for (const split of [1, 7, 4_096]) {
    it(`calls any method, and brings its result as it stands, in windows of ${split}`, () => {
      const { world, shelly } = worldWith(PASSWORD, { proof: "digest" });
      world.peer.cut = (bytes) => cut(bytes, [split]) as Buffer[];
      const results: [method: string, args: object, result: unknown][] = [
        ["Switch.Set", { id: 0, on: true }, { was_on: false, id: 0 }],
        ["Shelly.GetConfig", {}, { wifi: { ssid: 'é "home"', list: [1, 2, [3]] }, pad: "x".repeat(300) }],
        ["Sys.SetTime", { time: 1 }, "now"],
      ];
      for (const [method, args, result] of results) {
        const outcome = call(world, method, args);
        world.ready().advance(500);
        assert.equal(outcome.name, "OK");
        assert.deepEqual(JSON.parse(outcome.text), result);
        assert.deepEqual(shelly.frames.findLast((frame) => frame.method === method)?.params, args);
      }
      const rebooted = call(world, "Shelly.Reboot", {});
      world.advance(500);
      assert.deepEqual([rebooted.name, rebooted.length], ["OK", 0]);
      const unknown = call(world, "No.Such", {});
      world.advance(500);
      assert.equal(unknown.name, "NOT_FOUND");
    });
  }

  it("a call beside the token's brings each its own answer", () => {
    const { world } = worldWith(PASSWORD, { proof: "digest" });
    const token = world.get();
    const outcome = call(world, "Switch.Set", { id: 1, on: false });
    assert.equal(call(world, "Switch.Set", {}).name, "BUSY");
    world.ready().advance(1_000);
    assert.deepEqual([token.token, outcome.text], ["for app.example.com", '{"was_on":true,"id":1}']);
  });

  it("a result that is longer than the app's array says how long, and arguments that are no object are refused", () => {
    const { world } = worldWith(null, { proof: "password" });
    const outcome = call(world, "Shelly.GetConfig", {}, 16);
    world.ready().advance(500);
    assert.equal(outcome.name, "TOO_LONG");
    assert.ok(outcome.length > 300);
    const status = world.client.call("Switch.Set", Buffer.from("[]"), Buffer.alloc(1), () => {});
    assert.equal(Status[status], "BAD_ARGUMENTS");
  });

  it("close() ends a call with CLOSED", () => {
    const { world } = worldWith(null, { proof: "password" });
    const outcome = call(world, "Switch.Set", {});
    world.client.close();
    assert.deepEqual([outcome.name, outcome.length], ["CLOSED", 0]);
  });

  it("a stranger's id of text goes back as it came; one that cannot is not answered", () => {
    const { world } = worldWith(null, { proof: "password" });
    world.ready().advance(2_000);
    const answers = () =>
      world.peer.packets
        .filter(
          (packet): packet is IPublishPacket => packet.cmd === "publish" && packet.topic === "app_7/rpc",
        )
        .map(({ payload }) => JSON.parse(String(payload)));
    for (const id of ["req-1", 'a"b', "x".repeat(40), ""]) {
      world.peer.publish(JSON.stringify({ src: "app_7", id, method: "Switch.Set" }), "device_123/rpc");
      world.advance(2_000);
    }
    assert.deepEqual(
      answers().map(({ id, error }) => [id, error.code]),
      [["req-1", 404]],
    );
  });

  it("needs to know whom it speaks to, and no other dialect is known", () => {
    assert.throws(() => new World({ cloud: { dialect: "mg-rpc" } }), /needs cloud\.address/);
    assert.throws(
      () => new World({ cloud: { dialect: "jsonrpc" as "mg-rpc" } }),
      /cloud\.dialect is "jsonrpc"; it must be mg-rpc/,
    );
  });
});
