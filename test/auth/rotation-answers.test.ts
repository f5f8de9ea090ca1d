/** What a device makes of answers about its next key, and what it cannot rotate with. */

import assert from "node:assert/strict";
import { cbor } from "../../firmware/cbor.js";
import {
  createAuth,
  LinkSecurity,
  type Ports,
  State,
  Status,
  writeCredential,
} from "../../firmware/index.js";
import { Rotation, RotationStage } from "../../firmware/rotation.js";
import { explain } from "../../host-sim/explain.js";
import { Flash } from "../../host-sim/world/flash.js";
import { asked, wanted } from "./key-keeper.js";
import type { Reply } from "./peer.js";
import { SeededEntropy, VirtualClock, VirtualTime } from "./time.js";
import { APP, PSK } from "./world.js";

describe("an answer about a next key", () => {
  const wrong: Record<string, (right: Record<string, unknown>) => unknown> = {
    "with another MAC": (right) => ({ ...right, mac: Buffer.alloc(32).toString("base64url") }),
    "with a MAC that is too short": (right) => ({ ...right, mac: String(right.mac).slice(0, 42) }),
    "without a MAC": ({ mac: _, ...right }) => right,
    "with another sealed key": (right) => ({ ...right, sealed: `AA${String(right.sealed).slice(2)}` }),
    "with nothing sealed": (right) => ({ ...right, sealed: "" }),
    "with more sealed than a key has": (right) => ({ ...right, sealed: "A".repeat(172) }),
    "with very much sealed": (right) => ({ ...right, sealed: "A".repeat(600) }),
    "that has no base64url": (right) => ({ ...right, sealed: `${right.sealed}=` }),
    "whose sealed key is a number": (right) => ({ ...right, sealed: 7 }),
    "without the cloud's ephemeral key": ({ x: _, ...right }) => right,
    "with a point of low order": (right) => ({ ...right, x: Buffer.alloc(32).toString("base64url") }),
    "with another point": (right) => ({ ...right, x: Buffer.alloc(32, 5).toString("base64url") }),
    "that is a list": (right) => [right],
    "that is a text": () => "text",
    "that is nothing": () => undefined,
    "that has its members deeper": (right) => ({ result: right }),
  };

  for (const [what, change] of Object.entries(wrong)) {
    it(`${what}, stages nothing, and is asked for again after half a minute and more`, () => {
      const { lives, key } = wanted();
      const { keeper, world } = lives;
      const { writes } = lives.flash;
      keeper.answer = (right) => ({ result: change(right.result as Record<string, unknown>) });
      world.newToken();
      world.advance(28_000);
      assert.equal(asked(lives, "NextCredential"), 1);
      assert.equal(lives.flash.writes, writes);
      assert.equal(lives.rotation.stage, RotationStage.WANTED);
      assert.equal(explain(world.client).name, "OK");
      keeper.answer = undefined;
      world.advance(120_000);
      assert.equal(keeper.present, key);
    });
  }

  it("with members that nobody knows, is as good", () => {
    const { lives, key } = wanted();
    const more = { kid: 7, list: [1, { x: "AAAA" }], "sealed-too": "text" };
    lives.keeper.answer = (right): Reply => ({ result: { ...more, ...(right.result as object) } });
    lives.world.newToken();
    lives.world.advance(5_000);
    assert.equal(lives.keeper.present, key);
  });

  it("that never comes, is asked for again; and a cloud that does not know the method is left alone", () => {
    const { lives, key } = wanted();
    const { keeper, world } = lives;
    keeper.answer = () => undefined;
    world.newToken();
    world.advance(40_000);
    assert.equal(lives.rotation.stage, RotationStage.WANTED);
    assert.equal(explain(world.client).name, "OK");
    keeper.answer = () => ({ error: { code: 404, message: "no such method" } });
    world.advance(86_400_000);
    const count = asked(lives, "NextCredential");
    assert.ok(count < 30, `${count} questions within a day`);
    assert.equal(world.soon().name, "OK");
    keeper.answer = undefined;
    world.advance(2 * 86_400_000);
    assert.equal(keeper.present, key);
  });
});

describe("a device that rotates", () => {
  const portsOf = (more: Partial<Ports> = {}): Ports => ({
    link: { open: () => {}, write: () => 0, close: () => {} },
    clock: new VirtualClock(new VirtualTime()),
    entropy: new SeededEntropy(1),
    ...more,
  });
  const cloud = { host: "cloud.example.com" };
  const provisioned = (psk?: string): Flash => {
    const store = new Flash();
    writeCredential(store, { deviceId: "device_123", ...(psk === undefined ? {} : { psk }) });
    return store;
  };

  it("is refused without a store, and with its key in the options: the next one could not be kept", () => {
    const rotation = new Rotation();
    assert.throws(
      () => createAuth({ deviceId: "device_123", cloud, credential: { psk: PSK }, rotation }, portsOf()),
      /rotation needs ports\.store/,
    );
    assert.throws(
      () =>
        createAuth(
          { deviceId: "device_123", cloud, credential: { psk: PSK }, rotation },
          portsOf({ store: provisioned(PSK) }),
        ),
      /leave the option credential out/,
    );
  });

  it("is refused where the option encoding is, and where the cloud shows its key first", () => {
    const store = provisioned(PSK);
    const make = (options: object, more: Partial<Ports> = {}) =>
      createAuth({ cloud, rotation: new Rotation(), ...options }, portsOf({ store, ...more }));
    assert.throws(() => make({ encoding: cbor }), /leave out either encoding or rotation/);
    const link = { security: LinkSecurity.PSK_TLS, open: () => {}, write: () => 0, close: () => {} };
    assert.throws(() => make({}, { link }), /proof link over this link/);
    assert.throws(() => make({ proof: "counter+mac" }, { link }), /proves its key to the cloud first/);
    assert.throws(
      () => make({ cloud: { ...cloud, dialect: "mg-rpc", address: "shelly" }, proof: "digest" }),
      /mg-rpc/,
    );
    assert.throws(() => make({ rotation: {} }), /new Rotation\(\) of motekey\/rotation/);
  });

  it("does not start while the store cannot say what the next key is", () => {
    const store = provisioned(PSK);
    const read = store.read.bind(store);
    store.read = (name, out) => (name.startsWith("motekey-next") ? -2 : read(name, out));
    assert.throws(
      () => createAuth({ cloud, rotation: new Rotation() }, portsOf({ store })),
      (error: Error & { status?: Status }) => error.status === Status.STORE_FAILED,
    );
  });

  it("proves nothing that the store did not take, and goes on when it does", () => {
    const { lives, key } = wanted();
    lives.flash.isWritable = false;
    lives.world.newToken();
    lives.world.advance(600_000);
    assert.deepEqual(lives.keeper.keys, ["present"]);
    assert.equal(lives.world.soon().name, "OK");
    lives.flash.isWritable = true;
    writeCredential(lives.flash, { deviceId: "device_123", psk: PSK });
    lives.world.advance(4 * 3_600_000);
    assert.equal(lives.keeper.present, key);
    assert.deepEqual([lives.kept("a"), lives.kept("b")], [key, key]);
  });

  it("asks for nothing while it is suspended, and goes on when it is not", () => {
    const { lives, key } = wanted();
    lives.world.newToken(APP, 15);
    lives.world.client.suspend();
    lives.world.advance(100_000);
    const { wakes } = lives.world.clock;
    lives.world.advance(100_000);
    assert.equal(lives.world.clock.wakes, wakes);
    assert.equal(lives.world.client.state, State.SUSPENDED);
    lives.world.client.resume();
    lives.world.advance(10_000);
    assert.equal(lives.keeper.present, key);
  });

  it("waits where the app has a call of its own under way, and the app where rotation has", () => {
    const { lives, key } = wanted();
    const { world, keeper } = lives;
    const ends: string[] = [];
    const call = (): Status =>
      world.client.call("/v1/Own", Buffer.from("{}"), new Uint8Array(64), (status) =>
        ends.push(Status[status]),
      );
    world.generate();
    assert.equal(call(), Status.OK);
    world.advance(10_000);
    assert.equal(keeper.present, key);
    assert.deepEqual(ends, ["NOT_FOUND"]);
    assert.equal(call(), Status.OK);
  });
});
