/** Another key over the air (`motekey/rotation`), in virtual time: what the device asks, keeps, proves and forgets. */
import assert from "node:assert/strict";
import { writeCredential } from "../../firmware/index.js";
import { RotationStage } from "../../firmware/rotation.js";
import { reachableFrom } from "../host-sim/reachable.js";
import { asked, hinted, type RotatedLives, refusing, wanted } from "./key-keeper.js";
import { APP, PSK } from "./world.js";

/** Half the backoff's base and its cap: what has to be over when the device is "at once" elsewhere. */
const SOON_MS = 400;

describe("a device whose cloud has another key for it", () => {
  it("fetches it, keeps it, connects with it, proves it, and has no other from then on", () => {
    const { lives, key } = hinted();
    const { keeper, world, rotation } = lives;
    world.advance(5_000);
    assert.equal(keeper.present, key);
    assert.deepEqual(keeper.keys, ["present", "next"]);
    assert.deepEqual([asked(lives, "NextCredential"), asked(lives, "ProveCredential")], [1, 1]);
    assert.deepEqual([lives.kept("a"), lives.kept("b")], [key, key]);
    assert.deepEqual(lives.holding(PSK), []);
    assert.deepEqual(lives.holding(key).sort(), ["motekey-creda", "motekey-credb"]);
    assert.deepEqual([rotation.rotations, rotation.stage], [1, RotationStage.NONE]);
    assert.equal(world.client.counters.losses, 0);
    lives.crash();
    lives.boot().ready();
    assert.equal(lives.world.soon().name, "OK");
    assert.equal(keeper.keys.at(-1), "present");
  });

  it("asks for nothing while no answer has the hint", () => {
    const { lives } = wanted();
    lives.world.advance(60_000);
    lives.world.soon();
    assert.equal(asked(lives, "NextCredential"), 0);
    assert.equal(lives.rotation.stage, RotationStage.NONE);
  });

  it("does as little in one turn as a step of the ladder is, and serves tokens meanwhile", () => {
    const { lives } = wanted();
    const { world } = lives;
    const { wakes } = world.clock;
    world.advance(1);
    const outcome = world.generate();
    world.until(() => outcome.status !== undefined && asked(lives, "ProveCredential") === 1);
    assert.ok(world.clock.wakes - wakes > 2 * 300, `${world.clock.wakes - wakes} turns`);
    assert.equal(world.soon().name, "OK");
  });

  it("writes six records for it, and none without it", () => {
    const { lives } = wanted();
    lives.world.advance(1_000);
    const { writes } = lives.flash;
    lives.world.newToken();
    lives.world.advance(5_000);
    assert.equal(lives.flash.writes - writes, 6);
  });

  it("keeps its tokens, and answers calls that come while it changes connections", () => {
    const { lives } = hinted();
    const { world } = lives;
    const outcomes = ["b.example.com", "c.example.com", "d.example.com"].map((host) => world.get(host));
    world.advance(3_000);
    assert.ok(outcomes.every(({ name }) => name === "OK"));
    const { generation } = outcomes[2] ?? assert.fail();
    assert.equal(world.soon("d.example.com").generation, generation, "from memory");
  });

  it("is given further ones", () => {
    const { lives } = hinted();
    for (let count = 1; count <= 3; count++) {
      lives.world.advance(5_000);
      assert.equal(lives.keeper.promotions, count);
      assert.equal(lives.rotation.rotations, count);
      lives.keeper.rotate();
      lives.world.newToken();
    }
  });

  it("takes keys of any length that a credential has", () => {
    for (const length of [1, 31, 32, 33, 64, 127, 128]) {
      const { lives } = wanted();
      const key = lives.keeper.rotate(`${"k".repeat(length - 1)}~`);
      lives.world.newToken();
      lives.world.advance(5_000);
      assert.equal(lives.keeper.present, key, `${length} characters`);
      assert.equal(lives.kept("a"), key);
    }
  });

  it("has the pending revocations and the hosts of before, after any number of rotations and reboots", () => {
    const { lives } = hinted();
    lives.world.advance(5_000);
    lives.keeper.rotate();
    lives.world.newToken("b.example.com");
    lives.world.advance(5_000);
    assert.equal(lives.keeper.promotions, 2);
    lives.world.peer.isReachable = false;
    lives.world.peer.kick();
    lives.world.revoke();
    lives.world.advance(1_000);
    lives.crash();
    lives.boot().ready();
    lives.world.advance(1_000);
    assert.equal(lives.world.client.counters.recordsDropped, 0);
    assert.equal(asked(lives, "RevokeToken"), 1);
    assert.equal(lives.world.soon("b.example.com").name, "OK");
    assert.equal(asked(lives, "GetToken"), 1, "the host was known");
  });

  it("drops what is another device's, as after each other change of its key", () => {
    const { lives } = hinted();
    lives.world.advance(5_000);
    lives.crash();
    lives.keeper.present = "a-key-that-was-given-at-a-bench";
    writeCredential(lives.flash, { deviceId: "device_123", psk: lives.keeper.present });
    lives.boot().ready();
    assert.equal(lives.world.client.counters.recordsDropped, 1);
  });
});

describe("a next key that is refused", () => {
  it("has the device back at the present one at once, before any question for the counter", () => {
    const { keeper, world } = hinted(refusing).lives;
    world.until(() => keeper.keys.length === 3);
    assert.deepEqual(keeper.keys, ["present", "next", "present"]);
    const [next = 0, present = 0] = world.peer.openedAtMs.slice(-2);
    assert.ok(present - next < SOON_MS, `${present - next} ms`);
    assert.equal(world.soon().name, "OK");
  });

  it("is confirmed under the present key's MAC, and tried again after half a minute and more", () => {
    const { lives, key } = hinted(refusing);
    const { keeper, world } = lives;
    world.advance(29_000);
    assert.equal(asked(lives, "NextCredential"), 2);
    assert.deepEqual(keeper.keys, ["present", "next", "present"]);
    world.advance(86_400_000);
    const tries = keeper.keys.filter((name) => name === "next").length;
    assert.ok(tries >= 4 && tries < 30, `${tries} tries within a day`);
    assert.deepEqual(
      keeper.keys.filter((name) => name.startsWith("recover")),
      [],
    );
    keeper.refused = [];
    world.advance(2 * 86_400_000);
    assert.equal(keeper.present, key);
  });

  it("by whoever is no cloud, is kept, and proved when the cloud is back", () => {
    const { lives, key } = hinted(refusing);
    const { keeper, world } = lives;
    world.until(() => keeper.keys.includes("next"));
    keeper.refused = [key, PSK];
    world.advance(3_600_000);
    assert.deepEqual(lives.holding(key).sort(), ["motekey-nexta", "motekey-nextb"]);
    assert.equal(lives.rotation.stage, RotationStage.STAGED);
    keeper.refused = [];
    world.advance(1_000_000);
    assert.equal(keeper.present, key);
    assert.equal(world.soon().name, "OK");
  });

  it("is dropped when the cloud says under the present key's MAC that there is none", () => {
    const { lives, key } = hinted(refusing);
    const { keeper, world } = lives;
    world.until(() => keeper.keys.includes("next"));
    keeper.next = undefined;
    world.advance(10_000);
    assert.equal(lives.rotation.stage, RotationStage.NONE);
    assert.deepEqual(lives.holding(key), []);
    assert.deepEqual([lives.kept("a"), keeper.keys.at(-1)], [PSK, "present"]);
    assert.equal(world.soon().name, "OK");
  });

  it("is not dropped when somebody else says so", () => {
    const { lives, key } = hinted(refusing);
    const { keeper, world } = lives;
    const { macRefused } = world.client.counters;
    world.until(() => keeper.keys.includes("next"));
    keeper.answer = () => ({ result: { mac: Buffer.alloc(32, 7).toString("base64url") } });
    world.advance(3_600_000);
    assert.equal(lives.rotation.stage, RotationStage.STAGED);
    assert.ok(world.client.counters.macRefused > macRefused);
    keeper.answer = undefined;
    keeper.refused = [];
    world.advance(2 * 86_400_000);
    assert.equal(keeper.present, key);
  });

  it("gives way to the one that the cloud has by now", () => {
    const { lives, key } = hinted(refusing);
    const { keeper, world } = lives;
    world.until(() => keeper.keys.includes("next"));
    const other = keeper.rotate();
    world.advance(10_000);
    assert.equal(keeper.present, other);
    assert.deepEqual(lives.holding(key), []);
  });

  it("proves nothing any more once another one came in its place, though the store takes nothing", () => {
    const { lives, key } = hinted(refusing);
    const { flash, keeper, world } = lives;
    world.until(() => keeper.keys.includes("next"));
    const other = keeper.rotate();
    flash.isWritable = false;
    world.revoke(); // a write that fails: the store rests for a second
    world.until(() => asked(lives, "NextCredential") === 2);
    world.advance(30);
    keeper.refused = [PSK, key, other];
    world.peer.kick();
    world.advance(60_000);
    assert.ok(keeper.keys.length > 3, String(keeper.keys));
    assert.deepEqual(
      keeper.keys.filter((name) => name.includes("?")),
      [],
      "a connection was proved by a key that is nobody's",
    );
    flash.isWritable = true;
    keeper.refused = [];
    world.advance(86_400_000);
    assert.equal(keeper.present, other);
  });

  it("by an answer to its proof that nobody vouches for, has the device try it anew after longer and longer waits", () => {
    const { lives, key } = hinted((keeper) => {
      keeper.answer = (right, { frame }) =>
        frame.method.endsWith("ProveCredential") ? { error: { code: 403, message: "no" } } : right;
    });
    // The cloud has taken the proof: it knows no other key by now.
    const { keeper, world } = lives;
    world.advance(86_400_000);
    assert.ok(keeper.keys.length < 100, `${keeper.keys.length} connections within a day`);
    keeper.answer = undefined;
    world.advance(2 * 86_400_000);
    assert.deepEqual([keeper.present, lives.kept("a")], [key, key]);
  });

  it("by its proof alone, has the device back at the present one", () => {
    const { lives, key } = hinted((keeper) => {
      keeper.provesNothing = true;
    });
    const { keeper, world } = lives;
    world.advance(20_000);
    assert.deepEqual(keeper.keys, ["present", "next", "present"]);
    assert.deepEqual([keeper.present, lives.rotation.stage], [PSK, RotationStage.STAGED]);
    assert.equal(world.soon().name, "OK");
    keeper.provesNothing = false;
    world.advance(86_400_000);
    assert.equal(keeper.present, key);
  });

  it("is good when the answer to its proof was lost: the cloud takes no other by then", () => {
    let isLost = true;
    const { lives, key } = hinted((keeper) => {
      keeper.answer = (right, { frame }) =>
        isLost && frame.method.endsWith("ProveCredential") ? undefined : right;
    });
    const { keeper, world } = lives;
    world.until(() => keeper.promotions === 1);
    assert.deepEqual([lives.kept("a"), lives.rotation.stage], [PSK, RotationStage.STAGED]);
    lives.crash();
    isLost = false;
    lives.boot().advance(5_000);
    assert.deepEqual([lives.kept("a"), lives.kept("b")], [key, key]);
    assert.deepEqual(keeper.keys.slice(2), ["present"]);
    assert.equal(lives.rotation.stage, RotationStage.NONE);
  });

  it("or the present one, finds its counter under the key that the cloud knows", () => {
    for (const isPromoted of [true, false]) {
      for (const isCancelled of isPromoted ? [false] : [true, false]) {
        const { lives, key } = hinted(refusing);
        const { keeper } = lives;
        lives.world.until(() => lives.rotation.stage === RotationStage.STAGED);
        lives.crash();
        if (isPromoted) keeper.present = key;
        if (isPromoted || isCancelled) keeper.next = undefined;
        keeper.refused = [];
        keeper.highest = 1_000_000;
        lives.boot();
        const outcome = lives.world.soon(APP, 900_000);
        lives.world.ready();
        assert.equal(lives.world.soon(APP, 1_000).name, "OK", `${outcome.name} ${keeper.keys}`);
        assert.equal(lives.world.client.counters.recoveries, 1);
        lives.world.advance(86_400_000);
        assert.equal(keeper.present, isCancelled ? PSK : key);
        assert.equal(lives.rotation.stage, RotationStage.NONE);
      }
    }
  });
});

describe("close() of a device that rotates", () => {
  /** Byte arrays that the client leads to, but for the ports, which hold this text or a part of it. */
  const left = (root: object, key: string): string[] =>
    reachableFrom(root)
      .arrays.filter(({ path }) => !/\.(ports|store)\./.test(path))
      .filter(({ value }) => Buffer.from(value).includes(key.slice(0, 12)))
      .map(({ path }) => path);

  const moments: Record<string, () => { lives: RotatedLives; key: string }> = {
    "before it has the next key": wanted,
    "while it agrees on it": hinted,
    "while it is refused": () => {
      const made = hinted(refusing);
      made.lives.world.until(() => made.lives.keeper.keys.length === 3);
      return made;
    },
    "while it proves it": () => {
      const made = hinted((keeper) => {
        keeper.answer = (right, { frame }) => (frame.method.includes("Prove") ? undefined : right);
      });
      made.lives.world.until(() => made.lives.world.peer.asked("ProveCredential").length > 0);
      return made;
    },
    "when it has it": () => {
      const made = hinted();
      made.lives.world.advance(5_000);
      return made;
    },
  };

  for (const [when, make] of Object.entries(moments)) {
    it(`${when}, leaves neither key, nor the ephemeral one`, () => {
      const { lives, key } = make();
      const { client } = lives.world;
      assert.ok(left(client, lives.keeper.present).length > 0, "the walk finds it before");
      client.close();
      for (const one of [PSK, key]) assert.deepEqual(left(client, one), []);
      const numbers = Object.values(lives.rotation).filter((value) => value instanceof Uint8Array);
      assert.ok(numbers.every((bytes) => bytes.every((byte) => byte === 0)));
    });
  }
});
