/** Byte for byte what Espressif's nvs_partition_gen.py makes, and read back as what was written. */
import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { NvsKeys } from "../../../tools/nvs/keys.js";
import { Partition } from "../../../tools/nvs/partition.js";
import { readPartition } from "../../../tools/nvs/read.js";
import { type Case, itemsOf, pattern, randomCase, VECTORS, writerOf } from "./vectors.js";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const KEYS = new NvsKeys(pattern(64, 11));
const keysOf = ({ encrypted }: Case): NvsKeys | null => (encrypted === true ? KEYS : null);

/** Our image has that hash, and is read as what went in; written anew from what was read it is the same again. */
function check(one: Case, expected: string): void {
  const image = writerOf(one).finish(keysOf(one));
  assert.equal(sha256(image), expected);
  const reading = readPartition(image, keysOf(one));
  assert.deepEqual(reading.findings, []);
  const partition = Partition.of(reading);
  for (const { namespace, key, value } of itemsOf(one))
    if (value !== null)
      assert.deepEqual(plain(partition.get(namespace, key)), plain(value), `${namespace}.${key}`);
  assert.equal(sha256(partition.toBytes(keysOf(one))), expected);
}

const plain = (value: { type: string; data: Uint8Array } | null) =>
  value === null ? null : `${value.type} ${Buffer.from(value.data).toString("hex")}`;

describe("NVS images are those of Espressif's generator", () => {
  for (const { name, sha256: expected, ...one } of VECTORS.cases) it(name, () => check(one, expected));

  it("of random values, versions and sizes, encrypted or not", () => {
    for (const [seed, expected] of VECTORS.random.entries()) {
      try {
        check(randomCase(seed), expected);
      } catch (failure) {
        assert.fail(`randomCase(${seed}): ${failure}`);
      }
    }
  });

  it("the keys partition that an HMAC key in the eFuses gives", () => {
    const keys = NvsKeys.ofHmacKey(pattern(32, 5));
    assert.equal(sha256(keys.toPartition()), VECTORS.hmac.sha256);
    assert.deepEqual(NvsKeys.ofPartition(keys.toPartition()).toPartition(), keys.toPartition());
  });

  it("entries are encrypted as OpenSSL's XTS does, each with its offset in the partition", () => {
    const bytes = pattern(3 * 4096, 3);
    const offsets = [64, 96, 4096 + 64, 2 * 4096 + 64 + 125 * 32];
    const expected = Buffer.from(bytes);
    for (const offset of offsets) {
      const tweak = Buffer.alloc(16);
      tweak.writeUInt32LE(offset);
      const cipher = createCipheriv("aes-256-xts", pattern(64, 11), tweak);
      cipher.update(bytes.subarray(offset, offset + 32)).copy(expected, offset);
    }
    const encrypted = Buffer.from(bytes);
    KEYS.encrypt(encrypted, offsets);
    assert.deepEqual(encrypted, expected);
    KEYS.decrypt(encrypted, offsets);
    assert.deepEqual(encrypted, bytes);
  });
});
