/** The record of the next key, byte by byte as RECORD.md tells, by node:crypto and zlib. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { Scratch } from "../../firmware/crypto/scratch.js";
import { Kept, NextKey } from "../../firmware/rotation/next-key.js";
import { Keeper } from "../../firmware/store/keeper.js";
import { Flash } from "../../host-sim/world/flash.js";

const CLOUD = { host: "cloud.example.com" };
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const word = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer).reverse();
const first32 = (key: string, text: string): number =>
  createHmac("sha256", key).update(text).update(word(0)).digest().readUInt32BE();
const boundBy = (key: string, id: string): number => first32(key, `motekey next\n${id}`);
const ownerBy = (key: string): number => first32(key, "d1\ncloud.example.com:1883\n//api.mongoose-iot.com");
const nextKeyOver = (flash: Flash, deviceId = "d1", cloud: { host: string } = CLOUD): NextKey =>
  new NextKey(new Keeper(flash), { deviceId, cloud }, new Scratch());

function recordOf(
  generation: number,
  bound: number,
  heirlooms: readonly [number, number],
  key: string,
): Buffer {
  const payload = Buffer.concat([word(bound), ...heirlooms.map(word), Buffer.from(key)]);
  const head = Buffer.from([0x6d, 0x6b, 2, 7, 0, 0, 0, generation, 0, payload.length]);
  const covered = Buffer.concat([head, payload]);
  return Buffer.concat([covered, word(crc32(covered))]);
}

describe("the record of the next key", () => {
  it("is laid out as RECORD.md tells, in both slots, and its example is one", () => {
    const flash = new Flash();
    const nextKey = nextKeyOver(flash);
    assert.equal(nextKey.load(bytes("key")), Kept.NOTHING);
    assert.ok(nextKey.stage(bytes("key"), bytes("next")));
    const heirloom = (ownerBy("key") ^ ownerBy("next")) >>> 0;
    const expected = recordOf(1, boundBy("key", "d1"), [0, heirloom], "next");
    assert.deepEqual(flash.values.get("motekey-nexta"), expected);
    const second = recordOf(2, boundBy("key", "d1"), [0, heirloom], "next");
    assert.deepEqual(flash.values.get("motekey-nextb"), second);
    assert.ok(readFileSync("firmware/RECORD.md", "utf8").includes(`\n${expected.toString("hex")}\n`));
  });

  it("keeps the owner of the records the same number through any number of rotations", () => {
    const flash = new Flash();
    const keys = ["key", "next", "the one behind it", "and another"];
    for (const [i, key] of keys.entries()) {
      const nextKey = nextKeyOver(flash);
      nextKey.load(bytes(key));
      assert.equal(nextKey.ownerBy(ownerBy(key)), ownerBy("key"));
      const following = keys[i + 1];
      if (following === undefined) break;
      assert.ok(nextKey.stage(bytes(key), bytes(following)));
      const cut = nextKeyOver(flash);
      assert.equal(cut.load(bytes(following)), Kept.PROVED, "power went behind the credential");
      assert.equal(cut.ownerBy(ownerBy(following)), ownerBy("key"));
      nextKey.promote();
      assert.ok(nextKey.save());
    }
  });

  it("is bound to key and id, and to no place of the cloud", () => {
    const flash = new Flash();
    const nextKey = nextKeyOver(flash);
    nextKey.load(bytes("key"));
    nextKey.stage(bytes("key"), bytes("next"));
    assert.equal(nextKeyOver(flash, "d1", { host: "moved.example.com" }).load(bytes("key")), Kept.STAGED);
    assert.equal(nextKeyOver(flash, "d2").load(bytes("key")), Kept.STALE);
    assert.equal(nextKeyOver(flash).load(bytes("another key")), Kept.STALE);
  });

  it("that cannot be read is told apart from one that is not there", () => {
    const flash = new Flash();
    flash.isReadable = false;
    assert.equal(nextKeyOver(flash).load(bytes("key")), Kept.UNREADABLE);
  });
});
