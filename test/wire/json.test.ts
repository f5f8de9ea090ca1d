import assert from "node:assert/strict";
import fc from "fast-check";
import { Status } from "../../firmware/status.js";
import { JsonReader } from "../../firmware/wire/json/json.js";
import { ValueEvent } from "../../firmware/wire/value.js";
import { ACCEPTED, latin1, REFUSALS, REPLY } from "./json-cases.js";
import { DEPTH_MAX, everyBytes, KEY_BYTES_MAX, readPieces, readText } from "./json-events.js";

const encoder = new TextEncoder();

/**
 * Asserts that two JSON values are equal; numbers within 2^−48, integers exactly, unless `hasFractions`: a
 * fraction of 17 digits may be nearest to an integer, and is read within the tolerance like any other.
 */
function assertSame(actual: unknown, expected: unknown, label: string, hasFractions = false): void {
  if (typeof expected === "number" && typeof actual === "number") {
    if (Object.is(actual, expected)) return;
    assert.ok(hasFractions || !Number.isSafeInteger(expected), `${label}: ${actual} is not ${expected}`);
    assert.ok(
      Math.abs(actual - expected) <= Math.abs(expected) * 2 ** -48,
      `${label}: ${actual} is not ${expected}`,
    );
  } else if (typeof expected === "object" && expected !== null) {
    assert.ok(typeof actual === "object" && actual !== null, label);
    assert.equal(Array.isArray(actual), Array.isArray(expected), label);
    assert.deepEqual(Object.keys(actual), Object.keys(expected), label);
    for (const [name, value] of Object.entries(expected)) {
      assertSame((actual as Record<string, unknown>)[name], value, label, hasFractions);
    }
  } else assert.equal(actual, expected, label);
}

/** The value that JSON.parse reads from strict UTF-8, or undefined where it refuses. */
function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

const jsonTexts = fc
  .tuple(fc.jsonValue({ stringUnit: "binary", maxDepth: 6 }), fc.constantFrom("", " ", "\t", "\n  "))
  .map(([value, indent]) => encoder.encode(JSON.stringify(value, null, indent)));

function cutsOf(fractions: readonly number[], length: number): number[] {
  return fractions.map((fraction) => Math.floor(fraction * (length + 1))).sort((a, b) => a - b);
}
const fractions = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 8 });

describe("JsonReader", () => {
  it("reads what JSON.parse reads, to the same value", () => {
    for (const text of ACCEPTED) {
      const outcome = readText(text);
      assert.equal(outcome.status, Status.OK, text);
      assertSame(outcome.value, JSON.parse(text), text);
    }
  });

  it("tells the same events wherever the text is cut", () => {
    for (const text of ACCEPTED) {
      const bytes = encoder.encode(text);
      const whole = readText(bytes);
      assert.deepEqual(readText(bytes, everyBytes(1, bytes.length)), whole, `${text} byte by byte`);
      for (let cut = 0; cut <= bytes.length; cut++) {
        assert.deepEqual(readText(bytes, [cut]), whole, `${text} cut at ${cut}`);
      }
    }
  });

  for (const { status, isOurs, texts } of REFUSALS) {
    it(`refuses with ${Status[status]}, wherever the text is cut`, () => {
      for (const text of texts) {
        const bytes = typeof text === "string" ? encoder.encode(text) : text;
        const label = JSON.stringify(Buffer.from(bytes).toString("latin1"));
        assert.equal(parsed(bytes) !== undefined, isOurs, `JSON.parse ${label}`);
        for (let cut = 0; cut <= bytes.length; cut++) {
          assert.equal(readText(bytes, [cut]).status, status, `${label} cut at ${cut}`);
        }
        assert.equal(readText(bytes, everyBytes(1, bytes.length)).status, status, `${label} byte by byte`);
      }
    });
  }

  it("reads any value that JSON.stringify writes, cut anywhere", () => {
    fc.assert(
      fc.property(jsonTexts, fractions, (bytes, parts) => {
        const outcome = readText(bytes, cutsOf(parts, bytes.length));
        assert.equal(outcome.status, Status.OK);
        assertSame(outcome.value, parsed(bytes), "value");
        assert.deepEqual(outcome, readText(bytes));
      }),
    );
  });

  it("takes and refuses the same texts as JSON.parse when bytes of a text are changed", () => {
    const byte = fc.oneof(
      fc.constantFrom(...latin1('"\\{}[]:,0123456789.eE+-utfn \n')),
      fc.integer({ min: 0, max: 255 }),
    );
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(2), byte), { minLength: 1, maxLength: 3 });
    const source = fc.oneof(
      jsonTexts,
      fc.constantFrom(...ACCEPTED).map((text) => encoder.encode(text)),
    );
    fc.assert(
      fc.property(source, changes, fractions, (bytes, list, parts) => {
        const changed = [...bytes];
        for (const [where, gone, value] of list) changed.splice(where % (changed.length + 1), gone, value);
        const text = Uint8Array.from(changed);
        const outcome = readText(text, cutsOf(parts, text.length));
        if ([Status.JSON_SURROGATE, Status.JSON_NUMBER, Status.JSON_DEPTH].includes(outcome.status)) return;
        const value = parsed(text);
        assert.equal(outcome.status === Status.OK, value !== undefined, Status[outcome.status]);
        const hasFractions = /\d[.eE]/.test(Buffer.from(text).toString("latin1"));
        if (value !== undefined) assertSame(outcome.value, value, "value", hasFractions);
      }),
      { numRuns: 2000, examples: [[encoder.encode("[3204898431864794.84]"), [], []]] },
    );
  });

  it("says JSON_TRUNCATED for a reply that ends at any byte, and stays refused until it is reset", () => {
    const bytes = encoder.encode(REPLY);
    const reader = new JsonReader(DEPTH_MAX, 255);
    for (let end = 0; end < bytes.length; end++) {
      assert.equal(readPieces(bytes.subarray(0, end), [], reader).status, Status.JSON_TRUNCATED, `${end}`);
      assert.equal(reader.read(bytes, end, bytes.length), ValueEvent.REFUSED);
      assert.equal(reader.at, end);
      assert.equal(reader.finish(), ValueEvent.REFUSED);
      reader.reset();
    }
    assert.equal(readPieces(bytes, [], reader).status, Status.OK);
  });

  it("tells END right behind the top-level value and leaves what follows to the caller", () => {
    const reader = new JsonReader(DEPTH_MAX, KEY_BYTES_MAX);
    for (const text of ["{}", "[]", '"a"', "true", "7"]) {
      const bytes = encoder.encode(`${text}\nrest`);
      reader.reset();
      let event = reader.read(bytes, 0, bytes.length);
      while (event > ValueEvent.REFUSED && event !== ValueEvent.END)
        event = reader.read(bytes, reader.at, bytes.length);
      assert.equal(event, ValueEvent.END, text);
      assert.equal(reader.at, text.length, text);
      assert.equal(reader.read(bytes, 3, 3), ValueEvent.END);
      assert.equal(reader.finish(), ValueEvent.END);
    }
  });

  it("tells integers up to 2^53 − 1 from other numbers", () => {
    const integers = fc.maxSafeInteger().map(String);
    fc.assert(
      fc.property(integers, (text) =>
        assert.match(readText(text).events, new RegExp(`^NUMBER ${text} true`)),
      ),
    );
    for (const text of [
      "9007199254740992",
      "-9007199254740993",
      "1.0",
      "1e0",
      "1e400",
      `1${"0".repeat(40)}`,
    ]) {
      assert.match(readText(text).events, /^NUMBER \S+ false/, text);
    }
    assert.match(readText("-0").events, /^NUMBER 0 true/);
  });

  it("keeps the start of a key that is longer than a known one, and tells its length", () => {
    const reader = new JsonReader(1, 4);
    for (const [name, length] of [
      ["abcd", 4],
      ["abcde", 5],
      ["abc\\u00e9", 5],
      ["aé\\n\\n\\n", 6],
    ] as const) {
      const bytes = encoder.encode(`{"${name}":0}`);
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
});

describe("JsonReader.capture", () => {
  it("writes within its range only, and tells the whole length of a string that does not fit", () => {
    const strings = fc.string({ unit: "binary", maxLength: 30 });
    fc.assert(
      fc.property(strings, fc.nat(40), fractions, (text, room, parts) => {
        const bytes = encoder.encode(JSON.stringify(text));
        const expected = encoder.encode(text);
        const into = new Uint8Array(60).fill(0xaa);
        const reader = new JsonReader(1, 1);
        reader.capture(into, 10, 10 + room);
        let event = ValueEvent.MORE;
        for (const end of [...cutsOf(parts, bytes.length), bytes.length]) {
          if (event === ValueEvent.MORE) event = reader.read(bytes, reader.at, end);
        }
        assert.equal(event, ValueEvent.STRING);
        assert.equal(reader.textLength, expected.length);
        if (expected.length <= room) assert.deepEqual(into.subarray(10, 10 + expected.length), expected);
        assert.ok(into.subarray(0, 10).every((byte) => byte === 0xaa));
        assert.ok(into.subarray(10 + room).every((byte) => byte === 0xaa));
      }),
    );
  });

  it("is for the next value only, whatever that is", () => {
    for (const first of ['"x"', "1", "true", "[]", "{}"]) {
      const bytes = encoder.encode(`[${first},"abc"]`);
      const into = new Uint8Array(8);
      const reader = new JsonReader(4, 4);
      reader.read(bytes, 0, bytes.length);
      reader.capture(into, 0, into.length);
      while (reader.read(bytes, reader.at, bytes.length) !== ValueEvent.END);
      assert.equal(reader.textLength, 0, first);
      assert.equal(into[1], 0, first);
    }
  });
});

describe("JsonReader.skip", () => {
  /** Reads an object through a window and skips every member but `kept`. */
  function keptNumber(
    bytes: Uint8Array,
    windowBytes: number,
  ): { status: Status; number: number; names: string } {
    const reader = new JsonReader(DEPTH_MAX, KEY_BYTES_MAX);
    const window = new Uint8Array(windowBytes);
    let names = "";
    for (let from = 0; from < bytes.length; from += windowBytes) {
      const piece = bytes.subarray(from, from + windowBytes);
      window.set(piece);
      let at = 0;
      let event: ValueEvent;
      do {
        event = reader.read(window, at, piece.length);
        at = reader.at;
        if (event === ValueEvent.KEY) {
          const name = Buffer.from(reader.key.subarray(0, reader.keyLength)).toString();
          names += `${name} `;
          if (name !== "kept") reader.skip();
        } else if (event > ValueEvent.REFUSED) names += `${ValueEvent[event]} `;
      } while (event > ValueEvent.REFUSED && event !== ValueEvent.END);
    }
    return { status: reader.status, number: reader.number, names };
  }

  it("drops any value without events, byte by byte too", () => {
    fc.assert(
      fc.property(jsonTexts, fc.integer({ min: 1, max: 80 }), (value, windowBytes) => {
        const bytes = Buffer.concat([
          Buffer.from('{"a":'),
          value,
          Buffer.from(' , "kept":7,"b":'),
          value,
          Buffer.from("}"),
        ]);
        const outcome = keptNumber(bytes, windowBytes);
        assert.equal(outcome.names, "OBJECT a kept NUMBER b OBJECT_END END ");
        assert.equal(outcome.number, 7);
      }),
    );
  });

  it("drops 1 MB through a window of 64 bytes", () => {
    const items = Array.from({ length: 12_000 }, (_, i) => ({
      host: `app-${i}.example.com`,
      tags: [i, null, "é\n😀", { x: true }],
    }));
    const bytes = encoder.encode(JSON.stringify({ big: items, text: "x".repeat(200_000), kept: 42 }));
    assert.ok(bytes.length > 1_000_000);
    const outcome = keptNumber(bytes, 64);
    assert.equal(outcome.names, "OBJECT big text kept NUMBER OBJECT_END END ");
    assert.equal(outcome.number, 42);
  });

  it("still refuses what is not JSON", () => {
    for (const { status, texts } of REFUSALS) {
      if (status === Status.JSON_TRUNCATED) continue;
      for (const text of texts.filter((text) => text[0] === "[" || text[0] === 0x5b)) {
        const value = typeof text === "string" ? encoder.encode(text) : text;
        const bytes = Buffer.concat([Buffer.from('{"a":'), value, Buffer.from(',"kept":7}')]);
        assert.equal(keptNumber(bytes, 16).status, status, bytes.toString("latin1"));
      }
    }
  });
});
