import assert from "node:assert/strict";
import { Decoder, Encoder } from "cbor-x";
import fc from "fast-check";
import { CborWriter, cborText } from "../../firmware/wire/cbor/writer.js";
import { readPieces } from "./cbor-events.js";

const oracle = new Decoder({ mapsAsObjects: true });
/** Maps are not tagged 259: an option that cbor-x's types lack. */
const options = { useRecords: false, variableMapSize: true, useTag259ForMaps: false };
const theirs = new Encoder(options);

type Value = string | number | Uint8Array | Value[] | { [name: string]: Value };

/** What the firmware writes: texts, whole numbers, byte strings, arrays and maps with texts for keys. */
const { value: values } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.oneof(fc.maxSafeNat(), fc.nat(70_000), fc.nat(30)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie("value"), { maxLength: 30 }),
    fc.dictionary(
      fc.string({ maxLength: 8 }).filter((name) => name !== "__proto__"),
      tie("value"),
      {
        maxKeys: 30,
        noNullPrototype: true,
      },
    ),
  ),
}));

/** The order of RFC 8949, 4.2.1: that of the encoded keys, byte by byte. */
const sorted = (names: string[]): string[] =>
  names.sort((a, b) => Buffer.compare(theirs.encode(a), theirs.encode(b)));

function lay(writer: CborWriter, value: Value, isUtf8: boolean): void {
  if (typeof value === "number") writer.integer(value);
  else if (typeof value === "string") writer.string(isUtf8 ? Buffer.from(value) : value);
  else if (value instanceof Uint8Array) {
    writer.byteString(value.length);
    writer.bytes(value);
  } else if (Array.isArray(value)) {
    writer.items(value.length);
    for (const item of value) lay(writer, item, isUtf8);
  } else {
    writer.pairs(Object.keys(value).length);
    for (const name of sorted(Object.keys(value))) {
      writer.bytes(cborText(name));
      lay(writer, value[name] as Value, isUtf8);
    }
  }
}

/** Counts, writes into a marked array, and checks that both agree and nothing else was touched. */
function written(value: Value, isUtf8 = false): Buffer {
  const cbor = new CborWriter();
  const { writer } = cbor;
  writer.count();
  lay(cbor, value, isUtf8);
  const out = Buffer.alloc(writer.at + 6, 0xaa);
  const end = writer.at + 3;
  writer.write(out, 3);
  lay(cbor, value, isUtf8);
  assert.equal(writer.at, end);
  assert.equal(`${out.toString("hex", 0, 3)}${out.toString("hex", end)}`, "aa".repeat(6));
  return out.subarray(3, end);
}

/** cbor-x's bytes in the same order of keys; it needs a bigint for eight bytes. */
function prepared(value: Value): unknown {
  if (typeof value === "number") return value > 0xffffffff ? BigInt(value) : value;
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(prepared);
  const names = sorted(Object.keys(value));
  return new Map(names.map((name) => [name, prepared(value[name] as Value)]));
}

describe("CborPen", () => {
  it("writes what cbor-x writes of the same value, and cbor-x and we read it back", () => {
    fc.assert(
      fc.property(values, fc.boolean(), (value, isUtf8) => {
        const bytes = written(value, isUtf8);
        assert.equal(bytes.toString("hex"), Buffer.from(theirs.encode(prepared(value))).toString("hex"));
        assert.deepEqual(readPieces(bytes).value, value);
        assert.deepEqual(
          JSON.stringify(oracle.decode(bytes), (_, item) => (typeof item === "bigint" ? Number(item) : item)),
          JSON.stringify(sortedValue(value)),
        );
      }),
    );
  });

  it("takes the shortest head at every edge (RFC 8949, 4.2.1)", () => {
    for (const [value, hex] of [
      [23, "17"],
      [24, "1818"],
      [255, "18ff"],
      [256, "190100"],
      [65_535, "19ffff"],
      [65_536, "1a00010000"],
      [4_294_967_295, "1affffffff"],
      [4_294_967_296, "1b0000000100000000"],
      [Number.MAX_SAFE_INTEGER, "1b001fffffffffffff"],
    ] as const) {
      assert.equal(written(value).toString("hex"), hex);
    }
  });

  it("writes a lone surrogate as U+FFFD, and the first bytes of a longer array", () => {
    assert.equal(written("a\ud800").toString("hex"), "6461efbfbd");
    const writer = new CborWriter();
    const out = Buffer.alloc(4);
    writer.writer.write(out, 0);
    writer.stringPart(Buffer.from("abcdef"), 3);
    assert.equal(out.toString("hex"), "63616263");
  });
});

/** As an object whose members stand in the order in which they were written. */
function sortedValue(value: Value): unknown {
  if (typeof value !== "object" || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(sortedValue);
  return Object.fromEntries(
    sorted(Object.keys(value)).map((name) => [name, sortedValue(value[name] as Value)]),
  );
}
