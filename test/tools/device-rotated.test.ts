/** A device's flash in the middle of a rotation, at the bench. */
import assert from "node:assert/strict";
import { Scratch } from "../../firmware/crypto/scratch.js";
import { readCredential } from "../../firmware/index.js";
import { Kept, NextKey } from "../../firmware/rotation/next-key.js";
import { Keeper } from "../../firmware/store/keeper.js";
import { PartitionStore, provision } from "../../tools/device/provision.js";
import { keyFingerprint, recordIn } from "../../tools/device/record.js";
import { Partition } from "../../tools/nvs/partition.js";

const PSK = "the-key-of-before-that-it-has-now";
const NEXT = "the-key-that-is-to-follow-this-one";
const owned = { deviceId: "device_1", cloud: { host: "cloud.example.com" } };

/** A partition of a device that has its next key in flash, and did not prove it yet. */
function staged(): { partition: Partition; store: PartitionStore; nextKey: NextKey } {
  const partition = new Partition(0x6000);
  provision(partition, { id: "device_1", psk: PSK, counter: 0 });
  const store = new PartitionStore(partition);
  const nextKey = new NextKey(new Keeper(store), owned, new Scratch());
  nextKey.load(Buffer.from(PSK));
  assert.ok(nextKey.stage(Uint8Array.from(Buffer.from(PSK)), Uint8Array.from(Buffer.from(NEXT))));
  return { partition, store, nextKey };
}

describe("a device that is getting another key, at the bench", () => {
  it("has its next key shown as a fingerprint, and none as none", () => {
    const { store, nextKey } = staged();
    const told = () => {
      const value = Buffer.alloc(200);
      return recordIn(value.subarray(0, store.read("motekey-nexta", value)));
    };
    assert.deepEqual([told()?.kind, told()?.detail], ["next key", `key ${keyFingerprint(NEXT)}`]);
    nextKey.promote();
    nextKey.save();
    assert.equal(told()?.detail, "none");
  });

  it("keeps it when it is provisioned with the key that it has, and loses it with another", () => {
    const { partition, store } = staged();
    const kept = (psk: string): Kept =>
      new NextKey(new Keeper(store), owned, new Scratch()).load(Uint8Array.from(Buffer.from(psk)));
    provision(partition, { id: "device_1", psk: PSK, counter: 0 });
    assert.equal(kept(PSK), Kept.STAGED);
    provision(partition, { id: "device_1", psk: "another-key-from-the-bench", counter: 0 });
    assert.ok(!store.names().some((name) => name.startsWith("motekey-next")));
    assert.equal(readCredential(store).credential?.deviceId, "device_1");
  });
});
