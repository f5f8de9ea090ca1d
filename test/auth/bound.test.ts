/** What is kept is for one device, cloud and key: whoever comes with another finds nothing of it, and harms nobody. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { readCredential, Status } from "../../firmware/index.js";
import { COUNTERS_PER_WRITE } from "../../firmware/store/counter-block.js";
import { RecordKind } from "../../firmware/store/record.js";
import { Flash, isCut } from "../../host-sim/world/flash.js";
import { Lives, methods } from "./lives.js";
import { APP, PSK, type World, type WorldOptions } from "./world.js";

const OTHER = "b.example.com";
const VERSION_AT = 2;
const KIND_AT = 3;

/** Every way to be somebody else. */
const OTHERS: Record<string, WorldOptions> = {
  "another id": { deviceId: "device_124" },
  "another key": { psk: "a new key for the same device, 0123456789" },
  "another host of the cloud": { cloud: { host: "production.example.com" } },
  "another port of the cloud": { cloud: { port: 8883 } },
  "another address of the cloud": { cloud: { address: "//other.example.com" } },
};

/** The device's cloud answers for another address too. */
function answering(world: World, { cloud }: WorldOptions): World {
  const { answer } = world.peer;
  if (cloud?.address !== undefined)
    world.peer.answer = (request) => ({ ...answer(request), src: cloud.address });
  return world;
}

const kindsIn = (flash: Flash): number[] =>
  [...flash.values].filter(([name]) => name.startsWith("motekey-h")).map(([, value]) => value[KIND_AT]);

/** A device that fell asleep with two tokens, and went offline before. */
function asleep(options: WorldOptions = {}): Lives {
  const lives = new Lives({ proof: "password", ...options });
  lives.world.soon();
  lives.world.soon(OTHER);
  lives.sleep(1_000);
  return lives;
}

/** A device that owes a revocation. */
function owing(): Lives {
  const lives = new Lives({ proof: "password" });
  lives.world.soon();
  lives.world.peer.isReachable = false;
  lives.world.peer.kick();
  lives.world.revoke();
  lives.world.close();
  return lives;
}

describe("what a device kept,", () => {
  for (const [what, changes] of Object.entries(OTHERS)) {
    it(`after it was provisioned anew with ${what}, serves nobody: each token is asked for, and none is left in flash`, () => {
      const lives = asleep();
      const world = answering(lives.boot(1_000, changes), changes);
      assert.equal(world.client.counters.recordsDropped, 2);
      for (const value of lives.flash.values.values())
        assert.ok(!value.includes("#1") && !value.includes("#2"));
      assert.deepEqual(kindsIn(lives.flash), new Array(4).fill(RecordKind.VACANT));
      assert.equal(world.soon().token, `${APP}#3`);
      assert.deepEqual(methods(world), ["GenerateToken"]);
      world.close();
      const again = answering(lives.boot(0, changes), changes);
      again.peer.isReachable = false;
      assert.equal(again.soon(APP, 0).token, `${APP}#3`, "and is its own from then on");
      assert.equal(again.client.counters.recordsDropped, 0);
    });
  }

  for (const [what, changes] of Object.entries(OTHERS)) {
    it(`with a revocation among it, ends no token of ${what}`, () => {
      const lives = owing();
      const world = answering(lives.boot(undefined, changes), changes).ready();
      world.advance(1_000);
      assert.deepEqual(methods(world), []);
      assert.equal(world.client.counters.recordsDropped, 1);
      assert.ok(!kindsIn(lives.flash).includes(RecordKind.REVOCATION));
    });
  }

  it("begins with a digest of whom it is for, as RECORD.md tells", () => {
    const lives = asleep();
    const text = "device_123\ncloud.example.com:1883\n//api.mongoose-iot.com";
    const digest = createHmac("sha256", PSK).update(text).update(Buffer.alloc(4)).digest().subarray(0, 4);
    const records = [...lives.flash.values].filter(([name]) => name.startsWith("motekey-h"));
    assert.equal(records.length, 4);
    for (const [, value] of records) assert.deepEqual(value.subarray(10, 14), digest);
  });

  it("serves whoever is the same, with other places for the cloud to stand in", () => {
    const lives = asleep();
    const world = lives.boot(1_000, { cloud: { alternatives: [{ host: "second.example.com" }] } });
    assert.equal(world.soon(APP, 0).token, `${APP}#1`);
    assert.equal(world.client.counters.recordsDropped, 0);
  });

  it("but for the counter, which rises whoever comes: a counter that is too high costs nothing", () => {
    const lives = new Lives();
    lives.world.ready().close();
    const world = lives.boot(undefined, OTHERS["another id"]).ready();
    assert.match(String(world.peer.connects[0].packet.password), new RegExp(`^${1 + COUNTERS_PER_WRITE}\\.`));
    assert.equal(world.client.counters.recordsDropped, 0);
  });

  it("is not served though the store cannot be written, and is dropped when it can", () => {
    const lives = asleep();
    lives.flash.isWritable = false;
    const write = lives.flash.write.bind(lives.flash);
    lives.flash.write = () => false; // as a store that keeps what it cannot replace
    const world = lives.boot(1_000, OTHERS["another id"]);
    assert.equal(world.soon().token, `${APP}#3`);
    lives.crash();
    lives.flash.isWritable = true;
    lives.flash.write = write;
    assert.equal(lives.boot(1_000, OTHERS["another id"]).client.counters.recordsDropped, 2);
    assert.deepEqual(kindsIn(lives.flash), new Array(4).fill(RecordKind.VACANT));
  });
});

describe("a store that the release before made", () => {
  interface Made {
    readonly values: Record<string, string>;
  }
  const made = (): Flash => {
    const { values } = JSON.parse(
      readFileSync(new URL("../store/store-0.1.0.json", import.meta.url), "utf8"),
    ) as Made;
    const flash = new Flash();
    for (const [name, hex] of Object.entries(values)) flash.values.set(name, Buffer.from(hex, "hex"));
    return flash;
  };
  const LIMITS: WorldOptions = { limits: { slots: 4 } };

  it("holds what RECORD.md told of it", () => {
    const values = [...made().values.values()];
    assert.ok(values.every((value) => value[VERSION_AT] === 1));
    assert.deepEqual(
      new Set(values.map((value) => value[KIND_AT])),
      new Set([1, 2, 3, 4, 5, 6]),
      "every kind of record",
    );
  });

  it("is read: the credential, the counter, the tokens after a sleep, and the revocation that is owed", () => {
    const flash = made();
    const { status, credential } = readCredential(flash);
    assert.equal(status, Status.OK);
    assert.deepEqual(
      [credential?.deviceId, Buffer.from(credential?.psk ?? []).toString()],
      ["device_123", PSK],
    );
    const lives = new Lives({ ...LIMITS, sleptMs: 60_000 }, flash);
    for (const host of [APP, OTHER])
      assert.match(String(lives.world.soon(host, 0).token), new RegExp(`^${host}#`));
    lives.world.ready().advance(1_000);
    assert.deepEqual(methods(lives.world), ["RevokeToken"]);
    assert.match(
      String(lives.world.peer.connects[0].packet.password),
      new RegExp(`^${1 + COUNTERS_PER_WRITE}\\.`),
    );
    assert.equal(lives.world.client.counters.recordsDropped, 0);
  });

  it("is rewritten at once, and is from then on for whom it was read", () => {
    const flash = made();
    const lives = new Lives({ ...LIMITS, sleptMs: 60_000 }, flash);
    lives.world.ready().advance(1_000);
    const newest = (name: string): Buffer => {
      const slots = ["a", "b"].map((slot) => flash.values.get(name + slot) as Buffer);
      return slots[0].readUInt32BE(4) > slots[1].readUInt32BE(4) ? slots[0] : slots[1];
    };
    for (const name of ["motekey-h0", "motekey-h2", "motekey-h3"])
      assert.equal(newest(name)[VERSION_AT], 2, name);
    lives.world.close();
    const world = lives.boot(60_000, { ...LIMITS, deviceId: "device_124" });
    assert.equal(world.client.counters.recordsDropped, 2);
    world.soon();
    assert.deepEqual(methods(world), ["GenerateToken"]);
  });

  it("is read again where the power went while it was rewritten, in any of its writes", () => {
    const options: WorldOptions = { ...LIMITS, proof: "password", sleptMs: 60_000 };
    for (let cut = 1; cut <= 3; cut++) {
      const flash = made();
      flash.values.delete("motekey-creda"); // whose floor this proof is below
      const write = flash.write.bind(flash);
      let writes = 0;
      flash.write = (name, bytes, length) => {
        if (name.startsWith("motekey-h") && ++writes === cut) flash.cutNextWrite(length - 1, "gone");
        return write(name, bytes, length);
      };
      assert.ok(
        isCut(() => new Lives(options, flash).world.advance(1_000)),
        `write ${cut}`,
      );
      const after = new Lives(options, flash);
      after.world.ready().advance(1_000);
      for (const host of [APP, OTHER]) assert.equal(after.world.soon(host).name, "OK");
      assert.equal(after.world.peer.asked("RevokeToken").length, 1, `write ${cut}`);
    }
  });
});
