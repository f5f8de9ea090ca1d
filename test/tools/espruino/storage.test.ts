/** Espruino's Storage in flash: against what the engine wrote, and what is refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { Failure } from "../../../tools/cli/failure.js";
import { StorageImage } from "../../../tools/espruino/storage.js";
import { Partition } from "../../../tools/nvs/partition.js";

const VECTORS = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8")) as {
  size: number;
  written: string;
  compacted: string;
};
/** A Storage as it lies in flash. */
const flashOf = (base64: string): Buffer => {
  const flash = Buffer.alloc(VECTORS.size, 0xff);
  Buffer.from(base64, "base64").copy(flash);
  return flash;
};

describe("a Storage image", () => {
  it("has what the engine wrote, without what it replaced and erased", () => {
    const image = StorageImage.read(flashOf(VECTORS.written));
    const names = [...image.items()].map(({ name }) => name);
    const expected = [
      "motekey-creda",
      "28-characters-28-characters-",
      "app.js",
      "big",
      "f0",
      "f2",
      "f3",
      "f4",
    ];
    assert.deepEqual(names, [...expected, "a", "log\x01"]);
    assert.equal(Buffer.from(image.get("a") ?? []).toString(), "hellO");
    assert.deepEqual([...(image.get("motekey-creda") ?? [])].slice(0, 4), [0, 1, 2, 255]);
  });

  it("is written as the engine compacts it, byte for byte, also files of Storage.open()", () => {
    const compacted = flashOf(VECTORS.compacted);
    assert.ok(StorageImage.read(flashOf(VECTORS.written)).toBytes().equals(compacted));
    assert.ok(StorageImage.read(compacted).toBytes().equals(compacted));
  });

  it("any sequence of writes and erasures reads back what a plain map holds (property)", () => {
    const name = fc.stringMatching(/^[a-z.-]{1,28}$/);
    const data = fc.uint8Array({ minLength: 1, maxLength: 300 });
    const steps = fc.array(fc.tuple(fc.constantFrom("set", "delete"), name, data), { maxLength: 40 });
    fc.assert(
      fc.property(steps, (list) => {
        const map = new Map<string, Uint8Array>();
        let image = new StorageImage(0x10000);
        for (const [what, key, value] of list) {
          if (what === "set") image.set(key, value);
          else assert.equal(image.delete(key), map.has(key));
          map.delete(key);
          if (what === "set") map.set(key, value);
          image = StorageImage.read(image.toBytes());
        }
        const read = [...image.items()].map((file) => [file.name, Buffer.from(file.data)]);
        assert.deepEqual(
          read,
          [...map].map(([key, value]) => [key, Buffer.from(value)]),
        );
      }),
      { numRuns: 50 },
    );
  });

  describe("refuses", () => {
    const refused = (work: () => unknown, message: RegExp): void =>
      void assert.throws(
        work,
        (failure: unknown) => failure instanceof Failure && message.test(failure.message),
      );

    it("names that Espruino would cut or end, and files of no bytes", () => {
      const image = new StorageImage(0x1000);
      for (const name of ["x".repeat(29), "", "a\0b", "ü"])
        refused(() => image.set(name, Buffer.from("x")), /is no name of Storage/);
      refused(() => image.set("a", Buffer.alloc(0)), /is empty/);
    });

    it("what does not fit, and a size that is no whole sectors", () => {
      const image = new StorageImage(0x1000);
      image.set("a", Buffer.alloc(4096 - 32));
      assert.equal(image.toBytes().length, 4096);
      image.set("b", Buffer.alloc(1));
      refused(() => image.toBytes(), /does not fit/);
      refused(() => new StorageImage(1000), /whole number of sectors/);
    });

    it("a file that ends beyond the Storage, and an NVS partition", () => {
      const cut = flashOf(VECTORS.compacted).subarray(0, 0x1000);
      cut.writeUInt32LE(0x2000, 0);
      refused(() => StorageImage.read(cut), /there is no file/);
      assert.equal(StorageImage.isStorage(new Partition(0x3000).toBytes()), false);
      assert.equal(StorageImage.isStorage(flashOf(VECTORS.written)), true);
    });
  });
});
