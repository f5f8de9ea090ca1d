/** A partition is read, changed and written anew: what was set is there, and all else is as before. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Failure } from "../../../tools/cli/failure.js";
import {
  crc32,
  entryAt,
  entryCrc,
  NUMBERS,
  type NvsType,
  type NvsValue,
  PageState,
} from "../../../tools/nvs/format.js";
import { NvsKeys } from "../../../tools/nvs/keys.js";
import { Partition } from "../../../tools/nvs/partition.js";
import { readPartition } from "../../../tools/nvs/read.js";
import { blobValue, numberValue, stringValue } from "../../../tools/nvs/value.js";
import { PartitionWriter } from "../../../tools/nvs/writer.js";
import { pattern } from "./vectors.js";

const KEYS = new NvsKeys(pattern(64, 11));
const TEXT = stringValue("hello");
const PAGE = 4096;

/** A partition with a value in the first page, and one that begins the second. */
function twoPages(): Buffer {
  const partition = new Partition(0x6000);
  partition.set("app", "text", TEXT);
  partition.set("app", "blob", blobValue(pattern(3000, 1)));
  partition.set("app", "more", blobValue(pattern(3000, 2)));
  return partition.toBytes();
}

/** Clears bits, as NOR flash does, and mends the CRC of the entry where one is given. */
function cleared(bytes: Buffer, at: number, value: number, entry?: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] as number) & value;
  if (entry !== undefined) changed.writeUInt32LE(entryCrc(changed, entry), entry + 4);
  return changed;
}

const state = (page: number, entry: number, to: number, bytes: Buffer): Buffer =>
  cleared(bytes, page * PAGE + 32 + (entry >> 2), ~((3 - to) << ((entry & 3) * 2)) & 0xff);

const findings = (bytes: Buffer): string[] =>
  readPartition(bytes, null).findings.map(
    ({ level, page, entry, what }) => `${level} ${page}/${entry}: ${what}`,
  );

describe("a partition of NVS", () => {
  it("reads back what a plain map holds after any sequence of sets, and every other key byte for byte as before", () => {
    fc.assert(
      fc.property(
        anyPartition,
        fc.array(anySet, { maxLength: 30 }),
        fc.boolean(),
        (before, sets, isEncrypted) => {
          const keys = isEncrypted ? KEYS : null;
          const image = before.build().toBytes(keys);
          const map = new Map(before.entries);
          const partition = Partition.read(image, keys);
          for (const [name, value] of sets) {
            const [namespace = "", key = ""] = name.split(".");
            partition.set(namespace, key, fitting(value, before.version));
            map.set(name, fitting(value, before.version));
          }
          const after = Partition.read(partition.toBytes(keys), keys);
          const shown = [...after.items()].map(({ namespace, key, ...value }) => [
            `${namespace}.${key}`,
            plain(value),
          ]);
          const expected = [...map].map(([name, value]) => [name, plain(value)]);
          assert.deepEqual(shown.sort(), expected.sort());
          // What was not set lies there in the same entries.
          const set = new Set(sets.map(([name]) => name));
          const others = (bytes: Buffer) =>
            entriesOf(bytes, keys).filter(([name]) => !set.has(name as string));
          assert.deepEqual(others(after.toBytes(keys)), others(image));
        },
      ),
      { numRuns: 150 },
    );
  });

  it("holds nothing of a value that was replaced or deleted", () => {
    const partition = Partition.read(twoPages());
    const secret = Buffer.from("a secret that stands nowhere else");
    partition.set("app", "secret", blobValue(secret));
    partition.set("app", "other", blobValue(secret));
    const before = Partition.read(partition.toBytes());
    assert.ok(before.toBytes().includes(secret));
    before.set("app", "secret", blobValue(pattern(40, 78)));
    assert.equal(before.delete("app", "other"), true);
    assert.equal(before.delete("app", "other"), false);
    assert.ok(!before.toBytes().includes(secret));
  });

  it("a longer string than the generator can write takes a page alone, as ESP-IDF has it", () => {
    for (const length of [3967, 3968, 3999]) {
      const partition = new Partition(0x4000);
      partition.set("app", "n", numberValue("u8", 1n));
      partition.set("app", "long", stringValue("x".repeat(length)));
      partition.set("app", "m", numberValue("u8", 2n));
      assert.deepEqual(
        plain(Partition.read(partition.toBytes()).get("app", "long")),
        plain(stringValue("x".repeat(length))),
      );
    }
  });

  it("what is damaged is told as partition_damaged, what cannot serve as partition_unfit", () => {
    const codeOf = (make: () => unknown) => {
      try {
        make();
      } catch (failure) {
        return failure instanceof Failure ? failure.code : failure;
      }
      return "none";
    };
    assert.equal(
      codeOf(() => Partition.read(cleared(twoPages(), entryAt(0, 1) + 9, 0xfe))),
      "partition_damaged",
    );
    assert.equal(
      codeOf(() => Partition.read(twoPages(), KEYS)),
      "partition_unfit",
    );
  });

  describe("is refused", () => {
    const refused = (name: string, message: RegExp, make: () => unknown) =>
      it(name, () =>
        assert.throws(
          make,
          (failure: Error) => message.test(failure.message) || assert.fail(failure.message),
        ),
      );

    refused("below 0x3000", /0x2000 bytes is too small/, () => new Partition(0x2000));
    refused(
      "that is no whole number of pages",
      /12289 bytes is not a whole number of pages/,
      () => new Partition(12_289),
    );
    refused("without a page that stays free", /does not fit into a partition of 0x3000/, () => {
      const partition = new Partition(0x3000);
      for (const key of ["a", "b", "c"]) partition.set("app", key, stringValue("x".repeat(2_500)));
      partition.toBytes();
    });
    refused("with no page free", /no page is free/, () => {
      const bytes = twoPages();
      Partition.read(Buffer.concat([bytes.subarray(0, 2 * PAGE), renumbered(bytes.subarray(0, PAGE), 9)]));
    });
    refused("encrypted where no keys are given", /is encrypted, or is no NVS/, () =>
      Partition.read(Partition.read(twoPages()).toBytes(KEYS)),
    );
    refused("plain where keys are given", /is not encrypted, and keys were given/, () =>
      Partition.read(twoPages(), KEYS),
    );
    refused("with other keys", /These are not the keys of the partition/, () =>
      Partition.read(Partition.read(twoPages()).toBytes(KEYS), new NvsKeys(pattern(64, 12))),
    );
    refused(
      "with two namespaces or keys that ESP-IDF takes for one",
      /would erase 'motekey-creda'.*'app9080912'/,
      () => {
        const partition = new Partition(0x6000);
        for (const namespace of ["one", "two", "motekey"]) partition.set(namespace, "key", TEXT);
        partition.set("motekey", "motekey-creda", blobValue(pattern(74, 1)));
        partition.set("motekey", "app9080912", numberValue("u8", 1n));
        partition.toBytes();
      },
    );
    refused("with a key of 16 bytes", /'sixteen_letters_' is no key of NVS/, () =>
      new Partition(0x3000).set("app", "sixteen_letters_", TEXT),
    );
    refused("with a key of other letters than ASCII", /'grün' is no key/, () =>
      new Partition(0x3000).set("app", "grün", TEXT),
    );
    refused("with an empty namespace", /'' is no namespace/, () =>
      new Partition(0x3000).set("", "key", TEXT),
    );
    refused("with a string of 4000 characters", /'k' has 4001 bytes, and a string at most 4000/, () => {
      const partition = new Partition(0x6000);
      partition.set("app", "k", stringValue("x".repeat(4_000)));
      partition.toBytes();
    });
    refused("with a blob of 1985 bytes in version 1", /'k' has 1985 bytes, and a blob at most 1984/, () => {
      const partition = new Partition(0x6000, 1);
      partition.set("app", "k", blobValue(pattern(1_985, 1)));
      partition.toBytes();
    });
    refused("with 255 namespaces", /'n254' is one too many/, () => {
      const partition = new Partition(0x10000);
      for (let i = 0; i < 255; i++) partition.set(`n${i}`, "k", TEXT);
    });
    refused(
      "keys whose halves are the same",
      /Both halves of the keys are the same/,
      () => new NvsKeys(Buffer.alloc(64, 7)),
    );
    refused("a keys partition whose CRC does not fit", /no partition of NVS keys/, () =>
      NvsKeys.ofPartition(cleared(KEYS.toPartition(), 3, 0)),
    );
  });

  describe("with damage is named, and not written over:", () => {
    const damaged = (name: string, expected: string, make: (bytes: Buffer) => Buffer) =>
      it(name, () => {
        const bytes = make(twoPages());
        const [first] = findings(bytes).filter((finding) => finding.startsWith("damage"));
        assert.equal(first, `damage ${expected}`);
        assert.throws(() => Partition.read(bytes), /The partition is damaged: page \d/);
      });
    const HELLO = entryAt(0, 1);

    damaged("a bit of an entry", "0/1: its CRC does not fit", (bytes) => cleared(bytes, HELLO + 9, 0xfe));
    damaged("a bit of a value", "0/1: the CRC of the data of 'text' does not fit", (bytes) =>
      cleared(bytes, HELLO + 32, 0xf7),
    );
    damaged("a bit of a page's header", "0/null: the CRC of its header does not fit", (bytes) =>
      cleared(bytes, 9, 0),
    );
    damaged("a page's state", "0/null: its state f0 is none", (bytes) => {
      bytes.writeUInt32LE(0xf0, 0);
      return bytes;
    });
    damaged("a newer version", "0/null: its version 3 is not known here", (bytes) => {
      bytes[8] = 0xfd;
      bytes.writeUInt32LE(crc32(bytes, 4, 28), 28);
      return bytes;
    });
    damaged("a state of an entry that is none", "0/5: its state 1 is none", (bytes) => {
      bytes[32 + 1] = ((bytes[32 + 1] as number) & ~0x0c) | 0x04;
      return bytes;
    });
    damaged("a type that is not known", "0/1: 'text' is of the type 0, which is not known here", (bytes) =>
      // 0x21 → 0x00 clears all bits of a string's code.
      cleared(bytes, HELLO + 1, 0, HELLO),
    );
    damaged("a namespace without a name", "0/0: the namespace 'app' has no index", (bytes) =>
      cleared(bytes, entryAt(0, 0) + 24, 0, entryAt(0, 0)),
    );
    damaged(
      "a page that was being tidied up",
      "0/null: is being tidied up: let the device start once, which ends that",
      (bytes) => {
        bytes.writeUInt32LE(PageState.FREEING, 0);
        return bytes;
      },
    );
  });

  describe("in which power was cut is read as ESP-IDF reads it:", () => {
    const OLD = numberValue("u8", 1n);
    const NEW = numberValue("u8", 2n);

    it("of two values on the page in use the later counts", () => {
      const writer = new PartitionWriter(0x3000);
      writer.write(0, "app", numberValue("u8", 1n));
      writer.write(1, "key", OLD);
      const image = writer.finish();
      const twice = Buffer.from(image);
      image.copy(twice, entryAt(0, 2), entryAt(0, 1), entryAt(0, 2));
      twice[entryAt(0, 2) + 24] = 2;
      twice.writeUInt32LE(entryCrc(twice, entryAt(0, 2)), entryAt(0, 2) + 4);
      const bytes = state(0, 2, 2, twice);
      assert.deepEqual(plain(Partition.read(bytes).get("app", "key")), plain(NEW));
      assert.deepEqual(findings(bytes), ["leftover 0/1: 'key' has a newer value"]);
    });

    it("an entry that was begun, and a value whose end was erased, are not there; all else is", () => {
      const image = twoPages();
      const begun = Buffer.from(image);
      const free = readPartition(image, null).pages[1]?.written as number;
      begun.writeUInt32LE(0x01020101, PAGE + entryAt(0, free));
      assert.deepEqual(findings(begun), [`leftover 1/${free}: was being written when the power went`]);
      assert.deepEqual(plain(Partition.read(begun).get("app", "text")), plain(TEXT));
      const half = state(0, 2, 0, image);
      assert.deepEqual(findings(half), ["leftover 0/1: 'text' was written or erased in part"]);
      assert.equal(Partition.read(half).get("app", "text"), null);
    });

    it("a blob without its index, and an index without a part, are not there", () => {
      const image = twoPages();
      const index = 1 + 2 + 95;
      const noIndex = state(0, index, 0, image);
      assert.deepEqual(findings(noIndex), ["leftover 0/3: 'blob' is a part of a blob that is not there"]);
      const noPart = state(0, 3, 0, image);
      const rest = findings(noPart).filter((finding) => !finding.includes("CRC"));
      assert.ok(
        rest.includes(`leftover 0/${index}: the blob 'blob' is not whole: to the device it is not there`),
      );
    });

    it("a blob whose index counts itself, or a chunk of the next namespace, among its parts is not there", () => {
      for (const [size, count, start] of [
        [8, 1, 0xff],
        [16, 2, 0xff],
      ] as const) {
        const writer = new PartitionWriter(0x3000);
        writer.write(0, "app", numberValue("u8", 1n));
        writer.write(0, "next", numberValue("u8", 2n));
        writer.write(1, "key", blobValue(Buffer.alloc(8)));
        writer.write(2, "key", blobValue(Buffer.alloc(8)));
        const image = writer.finish();
        const index = entryAt(0, 4);
        image.writeUInt32LE(size, index + 24);
        image.set([count, start], index + 28);
        image.writeUInt32LE(entryCrc(image, index), index + 4);
        assert.deepEqual(findings(image), [
          "leftover 0/4: the blob 'key' is not whole: to the device it is not there",
          "leftover 0/2: 'key' is a part of a blob that is not there",
        ]);
        assert.equal(Partition.read(image).get("app", "key"), null);
      }
    });

    it("a page that was being erased is free", () => {
      const image = twoPages();
      image[5 * PAGE + 700] = 0;
      assert.deepEqual(findings(image), [
        "leftover 5/null: its header is blank and the rest is not: a page that was being erased",
      ]);
      assert.deepEqual(plain(Partition.read(image).get("app", "text")), plain(TEXT));
    });
  });
});

const plain = (value: NvsValue | null): string | null =>
  value === null ? null : `${value.type} ${Buffer.from(value.data).toString("hex")}`;

/** A page with another sequence number. */
function renumbered(page: Buffer, sequence: number): Buffer {
  const other = Buffer.from(page);
  other.writeUInt32LE(sequence, 4);
  other.writeUInt32LE(crc32(other, 4, 28), 28);
  return other;
}

/** Entries as they lie in flash, by namespace and key: chunk numbers follow from the place. */
function entriesOf(bytes: Buffer, keys: NvsKeys | null): [string, string][] {
  const { kept, namespaces } = readPartition(bytes, keys);
  const names = new Map([...namespaces].map(([name, index]) => [index, name]));
  return kept
    .filter(({ namespace }) => namespace !== 0)
    .map((one) => [`${names.get(one.namespace)}.${one.key}`, `${one.namespace} ${plain(one)}`]);
}

const anyName = fc.constantFrom(
  "a.one",
  "a.two",
  "a.three",
  "app.one",
  "app.x",
  "wifi.sta.ssid",
  "motekey.creda",
);
const anyValue: fc.Arbitrary<NvsValue> = fc.oneof(
  fc.constantFrom(...(Object.keys(NUMBERS) as (keyof typeof NUMBERS)[])).chain((type) => {
    const { bytes } = NUMBERS[type];
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((data) => ({ type: type as NvsType, data }));
  }),
  fc.string({ unit: "grapheme", maxLength: 80 }).map((text) => stringValue(text.replaceAll("\0", ""))),
  fc.tuple(fc.nat(3_900), fc.nat(255)).map(([length, seed]) => stringValue("x".repeat(length) + seed)),
  fc.tuple(fc.nat(9_000), fc.nat(255)).map(([length, seed]) => blobValue(pattern(length, seed))),
);
const anySet = fc.tuple(
  anyName.map((name) => name.replace("sta.", "sta_")),
  anyValue,
);

/** Version 1 holds less. */
const fitting = ({ type, data }: NvsValue, version: 1 | 2): NvsValue => ({
  type,
  data:
    version === 2 || data.length <= 1984
      ? data
      : type === "string"
        ? Buffer.from("short\0")
        : data.subarray(0, 1984),
});

/** A partition that was written, and what a map of it holds. */
const anyPartition = fc
  .record({ version: fc.constantFrom<1 | 2>(1, 2), sets: fc.array(anySet, { maxLength: 20 }) })
  .map(({ version, sets }) => {
    const entries = new Map(sets.map(([name, value]) => [name, fitting(value, version)]));
    const build = () => {
      const partition = new Partition(0x20000, version);
      for (const [name, value] of entries) {
        const [namespace = "", key = ""] = name.split(".");
        partition.set(namespace, key, value);
      }
      return partition;
    };
    return { version, entries, build };
  });
