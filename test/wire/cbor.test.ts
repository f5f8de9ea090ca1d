import assert from "node:assert/strict";
import { Decoder, Encoder } from "cbor-x";
import fc from "fast-check";
import { Status } from "../../firmware/status.js";
import { CborReader } from "../../firmware/wire/cbor/cbor.js";
import { ValueEvent } from "../../firmware/wire/value.js";
import { APPENDIX_A, APPENDIX_A_EVENTS, REFUSALS } from "./cbor-cases.js";
import { DEPTH_MAX, readPieces } from "./cbor-events.js";
import { everyBytes } from "./json-events.js";

const bytesOf = (hex: string): Buffer => Buffer.from(hex, "hex");
/** Maps of texts come as objects; of integers too, their names as text. */
const oracle = new Decoder({ mapsAsObjects: true });
const encoders = [
  new Encoder({ useRecords: false, variableMapSize: true }),
  // Three bytes for each map's size, and doubles for integers beyond 32 bits: what cbor-x does by itself.
  new Encoder({ useRecords: false }),
];

/** Values that both sides have: no `__proto__`, which cbor-x renames; no −0, which it writes as 0. */
const values = fc
  .jsonValue({ stringUnit: "binary", maxDepth: 6 })
  .filter((value) => !JSON.stringify(value).includes("__proto__"));
const encoded = fc
  .tuple(values, fc.constantFrom(...encoders))
  .map(([value, encoder]) => [value, encoder.encode(value)] as const);

const fractions = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 8 });
const cutsOf = (parts: readonly number[], length: number): number[] =>
  parts.map((part) => Math.floor(part * (length + 1))).sort((a, b) => a - b);

describe("CborReader", () => {
  it("reads the examples of RFC 8949, Appendix A, to their values, as cbor-x does", () => {
    for (const [hex, expected] of APPENDIX_A) {
      const outcome = readPieces(bytesOf(hex));
      assert.equal(outcome.status, Status.OK, hex);
      assert.equal(outcome.at, hex.length / 2, hex);
      // Beyond 2^53 a number is all that we have, rounded.
      assert.deepEqual(outcome.value, typeof expected === "bigint" ? Number(expected) : expected, hex);
      // cbor-x has no strings in chunks, names integer keys otherwise, and rounds −2^64.
      if (!/^([57]f|a20102|3bff)/.test(hex)) {
        const theirs: unknown = oracle.decode(bytesOf(hex));
        // Integers of eight bytes come as bigint from cbor-x.
        const asOurs = typeof expected === "number" && typeof theirs === "bigint" ? Number(theirs) : theirs;
        assert.deepEqual(asOurs, expected, `${hex} by cbor-x`);
      }
    }
    for (const [hex, expected] of APPENDIX_A_EVENTS) {
      assert.equal(readPieces(bytesOf(hex)).events, `${expected}\nEND`, hex);
    }
  });

  it("tells the same events wherever the item is cut", () => {
    for (const [hex] of [...APPENDIX_A, ...APPENDIX_A_EVENTS]) {
      const bytes = bytesOf(hex);
      const whole = readPieces(bytes);
      assert.deepEqual(readPieces(bytes, everyBytes(1, bytes.length)), whole, `${hex} byte by byte`);
      for (let cut = 0; cut <= bytes.length; cut++)
        assert.deepEqual(readPieces(bytes, [cut]), whole, `${hex} cut at ${cut}`);
    }
  });

  for (const { status, items } of REFUSALS) {
    it(`refuses with ${Status[status]}, at the same byte wherever the item is cut`, () => {
      for (const hex of items) {
        const bytes = bytesOf(hex);
        const whole = readPieces(bytes);
        assert.equal(Status[whole.status], Status[status], hex);
        assert.deepEqual(readPieces(bytes, everyBytes(1, bytes.length)), whole, `${hex} byte by byte`);
        for (let cut = 0; cut <= bytes.length; cut++)
          assert.deepEqual(readPieces(bytes, [cut]), whole, `${hex} cut at ${cut}`);
      }
    });
  }

  it("reads any value that cbor-x writes, cut anywhere", () => {
    fc.assert(
      fc.property(encoded, fractions, ([value, bytes], parts) => {
        const outcome = readPieces(bytes, cutsOf(parts, bytes.length));
        assert.equal(Status[outcome.status], "OK");
        assert.deepEqual(JSON.stringify(outcome.value), JSON.stringify(oracle.decode(bytes)));
        assert.deepEqual(JSON.stringify(outcome.value), JSON.stringify(value));
        assert.deepEqual(outcome, readPieces(bytes));
      }),
    );
  });

  it("reads every float to the last bit", () => {
    const view = new DataView(new ArrayBuffer(9));
    const read = (width: 4 | 8): number => {
      view.setUint8(0, width === 4 ? 0xfa : 0xfb);
      return readPieces(new Uint8Array(view.buffer, 0, width + 1)).value as number;
    };
    fc.assert(
      fc.property(fc.double(), fc.float(), (double, float) => {
        view.setFloat64(1, double);
        assert.ok(Object.is(read(8), double), `${double}`);
        view.setFloat32(1, float);
        assert.ok(Object.is(read(4), float), `${float}`);
      }),
      {
        numRuns: 2000,
        examples: [
          [Number.MIN_VALUE, 1.401298464324817e-45],
          [Number.MAX_VALUE, 3.4028234663852886e38],
        ] as [number, number][],
      },
    );
    for (let bits = 0; bits < 0x10000; bits++) {
      const bytes = Uint8Array.of(0xf9, bits >> 8, bits & 255);
      const value = readPieces(bytes).value as number;
      assert.ok(Object.is(value, oracle.decode(bytes)) || Number.isNaN(value), bits.toString(16));
    }
  });

  it("takes and refuses the same bytes as an independent check of well-formedness", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.nat(255)), { minLength: 1, maxLength: 3 });
    const source = fc.oneof(
      encoded.map(([, bytes]) => bytes),
      fc.constantFrom(...[...APPENDIX_A, ...APPENDIX_A_EVENTS].map(([hex]) => bytesOf(hex))),
    );
    fc.assert(
      fc.property(source, changes, fractions, (bytes, list, parts) => {
        const changed = [...bytes];
        for (const [where, gone, value] of list) changed.splice(where % (changed.length + 1), gone, value);
        const item = Uint8Array.from(changed);
        const outcome = readPieces(item, cutsOf(parts, item.length));
        const ours = [Status.CBOR_UTF8, Status.CBOR_KEY, Status.CBOR_DEPTH, Status.CBOR_LENGTH];
        if (ours.includes(outcome.status)) return;
        assert.equal(outcome.status === Status.OK, wellFormedEnd(item) >= 0, Status[outcome.status]);
        if (outcome.status === Status.OK) assert.equal(outcome.at, wellFormedEnd(item));
      }),
      { numRuns: 2000 },
    );
  });

  it("takes a whole number for an integer however it is written, up to 2^53 − 1", () => {
    const number = (hex: string) => readPieces(bytesOf(hex)).events.split("\n")[0];
    assert.equal(number("fb42dc12218377de40"), "NUMBER 123456789012345 true");
    assert.equal(number("1b001fffffffffffff"), "NUMBER 9007199254740991 true");
    assert.equal(number("1b0020000000000000"), "NUMBER 9007199254740992 false");
    assert.equal(number("3b001ffffffffffffe"), "NUMBER -9007199254740991 true");
    assert.equal(number("fb4340000000000000"), "NUMBER 9007199254740992 false");
    assert.equal(number("f97e00"), "NUMBER NaN false");
    assert.equal(number("f93800"), "NUMBER 0.5 false");
  });

  it("tells END right behind the item and leaves what follows to the caller", () => {
    const reader = new CborReader(4, 8);
    for (const hex of ["a0", "80", "6161", "f5", "1818", "9fff", "7f6161ff"]) {
      const bytes = bytesOf(`${hex}0affffffff`);
      reader.reset();
      let event = reader.read(bytes, 0, bytes.length);
      while (event > ValueEvent.REFUSED && event !== ValueEvent.END) {
        event = reader.read(bytes, reader.at, bytes.length);
      }
      assert.equal(event, ValueEvent.END, hex);
      assert.equal(reader.at, hex.length / 2, hex);
      assert.equal(reader.finish(), ValueEvent.END);
    }
  });

  it("keeps the start of a key that is longer than a known one, and tells its length", () => {
    const reader = new CborReader(1, 4);
    for (const [name, length] of [
      ["abcd", 4],
      ["abcde", 5],
      ["abcé", 5],
    ] as const) {
      const bytes = Buffer.from(encoders[0].encode({ [name]: 0 }));
      for (const first of [bytes.length, 3, 5]) {
        reader.reset();
        assert.equal(reader.read(bytes, 0, 1), ValueEvent.OBJECT);
        let event = reader.read(bytes, 1, first);
        if (event === ValueEvent.MORE) event = reader.read(bytes, reader.at, bytes.length);
        assert.equal(event, ValueEvent.KEY);
        assert.equal(reader.keyLength, length, name);
        assert.equal(reader.key[0], 0x61);
      }
    }
  });

  it("refuses limits that it has no room for", () => {
    assert.throws(() => new CborReader(31, 8), /depthMax must be 1 to 30/);
    assert.equal(readPieces(bytesOf(`${"81".repeat(DEPTH_MAX)}00`)).status, Status.OK);
  });
});

describe("CborReader.capture", () => {
  it("writes within its range only, and tells the whole length of a string that does not fit", () => {
    const strings = fc.oneof(fc.string({ unit: "binary", maxLength: 30 }), fc.uint8Array({ maxLength: 30 }));
    fc.assert(
      fc.property(strings, fc.nat(40), fractions, (value, room, parts) => {
        const bytes = encoders[0].encode(typeof value === "string" ? value : Buffer.from(value));
        const expected = Buffer.from(value as string);
        const into = new Uint8Array(60).fill(0xaa);
        const reader = new CborReader(1, 1);
        reader.capture(into, 10, 10 + room);
        let event = ValueEvent.MORE;
        for (const end of [...cutsOf(parts, bytes.length), bytes.length]) {
          if (event === ValueEvent.MORE) event = reader.read(bytes, reader.at, end);
        }
        assert.equal(event, typeof value === "string" ? ValueEvent.STRING : ValueEvent.BYTES);
        assert.equal(reader.textLength, expected.length);
        if (expected.length <= room)
          assert.deepEqual(Buffer.from(into.subarray(10, 10 + expected.length)), expected);
        assert.ok(into.subarray(0, 10).every((byte) => byte === 0xaa));
        assert.ok(into.subarray(10 + room).every((byte) => byte === 0xaa));
      }),
    );
  });

  it("is for the next value only, whatever that is", () => {
    for (const first of ["6178", "01", "f5", "80", "a0", "f0", "f93c00"]) {
      const bytes = bytesOf(`82${first}63616263`);
      const into = new Uint8Array(8);
      const reader = new CborReader(4, 4);
      reader.read(bytes, 0, bytes.length);
      reader.capture(into, 0, into.length);
      while (reader.read(bytes, reader.at, bytes.length) !== ValueEvent.END);
      assert.equal(reader.textLength, 0, first);
      assert.equal(into[1], 0, first);
    }
  });
});

describe("CborReader.skip", () => {
  /** Reads a map in pieces and skips every member but `kept`. */
  function keptNumber(
    bytes: Uint8Array,
    pieceBytes: number,
  ): { status: Status; number: number; names: string } {
    const reader = new CborReader(DEPTH_MAX, 24);
    let names = "";
    let at = 0;
    for (const end of [...everyBytes(pieceBytes, bytes.length), bytes.length]) {
      let event: ValueEvent;
      do {
        event = reader.read(bytes, at, end);
        at = reader.at;
        if (event === ValueEvent.KEY) {
          const name = Buffer.from(reader.key.subarray(0, Math.max(0, reader.keyLength))).toString();
          names += `${name} `;
          if (name !== "kept") reader.skip();
        } else if (event > ValueEvent.REFUSED) names += `${ValueEvent[event]} `;
      } while (event > ValueEvent.REFUSED && event !== ValueEvent.END);
    }
    return { status: reader.status, number: reader.number, names };
  }

  it("drops any value without events, byte by byte too, in maps of both kinds", () => {
    fc.assert(
      fc.property(encoded, fc.integer({ min: 1, max: 80 }), fc.boolean(), ([, value], pieceBytes, isOpen) => {
        const bytes = Buffer.concat([
          ...[bytesOf(isOpen ? "bf6161" : "a36161"), value, bytesOf("646b657074076162"), value],
          bytesOf(isOpen ? "ff" : ""),
        ]);
        const outcome = keptNumber(bytes, pieceBytes);
        assert.equal(outcome.names, "OBJECT a kept NUMBER b OBJECT_END END ");
        assert.equal(outcome.number, 7);
      }),
    );
  });

  it("still refuses what is not CBOR", () => {
    for (const { status, items } of REFUSALS) {
      if (status === Status.CBOR_TRUNCATED || status === Status.CBOR_BREAK) continue;
      for (const hex of items) {
        const bytes = bytesOf(`a26161${hex}646b65707407`);
        assert.equal(Status[keptNumber(bytes, 16).status], Status[status], hex);
      }
    }
  });
});

/**
 * The end of the item at the start of the bytes, −1 when it is not well-formed: the pseudocode of RFC 8949,
 * Appendix C, on its own.
 */
function wellFormedEnd(bytes: Uint8Array): number {
  let at = 0;
  const take = (count: number): number => {
    if (at + count > bytes.length) throw new RangeError("the item ends too early");
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + bytes[at++];
    return value;
  };
  const wellFormed = (mayBreak: boolean): number => {
    const head = take(1);
    const major = head >> 5;
    const information = head & 31;
    let value = information;
    if (information >= 24 && information <= 27) value = take(2 ** (information - 24));
    else if (information === 31) return indefinite(major, mayBreak);
    else if (information >= 28) throw new RangeError("reserved additional information");
    if (major === 2 || major === 3) {
      if (at + value > bytes.length) throw new RangeError("the string ends too early");
      at += value;
    } else if (major === 4 || major === 5) for (let i = 0; i < value * (major - 3); i++) wellFormed(false);
    else if (major === 6) wellFormed(false);
    else if (major === 7 && information === 24 && value < 32)
      throw new RangeError("a simple value in two bytes");
    return major;
  };
  const indefinite = (major: number, mayBreak: boolean): number => {
    if (major === 7 && mayBreak) return -1;
    if (major === 2 || major === 3) {
      for (;;) {
        const chunk = wellFormed(true);
        if (chunk < 0) return 99;
        if (chunk !== major) throw new RangeError("a chunk of another type");
      }
    }
    if (major === 4) while (wellFormed(true) >= 0);
    else if (major === 5) while (wellFormed(true) >= 0) wellFormed(false);
    else throw new RangeError("no item of this type has an indefinite length");
    return 99;
  };
  try {
    wellFormed(false);
    return at;
  } catch {
    return -1;
  }
}
