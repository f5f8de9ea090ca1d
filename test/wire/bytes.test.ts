import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bytesOf,
  copyBytes,
  decimalLength,
  jsonTextLength,
  sameBytes,
  utf8Length,
  writeDecimal,
  writeJsonText,
  writeUtf8,
} from "../../firmware/wire/bytes.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Strings of any UTF-16 units, lone surrogates often among them. */
const anyStrings = fc
  .array(fc.oneof(fc.nat(0xffff), fc.nat(0x7f), fc.integer({ min: 0xd800, max: 0xdfff })), { maxLength: 20 })
  .map((units) => String.fromCharCode(...units));

/** Runs a writer at offset 3 of a marked array, checks that it stayed within `length`, returns what it wrote. */
function written(length: number, write: (out: Uint8Array, at: number) => number): Uint8Array {
  const out = new Uint8Array(length + 6).fill(0xaa);
  assert.equal(write(out, 3), length + 3);
  assert.deepEqual(
    [...out.subarray(0, 3), ...out.subarray(length + 3)],
    [0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa],
  );
  return out.subarray(3, length + 3);
}

describe("UTF-8", () => {
  it("is what TextEncoder writes, lone surrogates as U+FFFD", () => {
    fc.assert(
      fc.property(anyStrings, (text) => {
        const expected = encoder.encode(text);
        assert.deepEqual(
          written(utf8Length(text), (out, at) => writeUtf8(out, at, text)),
          expected,
        );
        assert.deepEqual(bytesOf(text), expected);
      }),
    );
  });

  it("is right at the edges of each length", () => {
    const text = "\0\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}";
    assert.deepEqual(bytesOf(text), encoder.encode(text));
  });

  it("takes strings whose units are code points, as on XS", () => {
    const units = [0x61, 0x1f600, 0xd83d, 0x10ffff];
    const text = {
      length: units.length,
      charCodeAt: (index: number) => units[index] ?? Number.NaN,
    } as string;
    assert.deepEqual(bytesOf(text), encoder.encode("a\u{1f600}\ufffd\u{10ffff}"));
  });
});

describe("decimal numbers", () => {
  it("are written as String writes them", () => {
    const edges = [0, 9, 10, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 1e15, 1e15 - 1, Number.MAX_SAFE_INTEGER];
    const values = fc.oneof(fc.maxSafeNat(), fc.nat(), fc.constantFrom(...edges));
    fc.assert(
      fc.property(values, (value) => {
        const digits = written(decimalLength(value), (out, at) => writeDecimal(out, at, value));
        assert.equal(decoder.decode(digits), String(value));
      }),
    );
  });
});

describe("the content of a JSON string", () => {
  it("is what JSON.stringify writes, from a string and from its UTF-8", () => {
    fc.assert(
      fc.property(anyStrings, (text) => {
        const utf8 = encoder.encode(text);
        const expected = JSON.stringify(decoder.decode(utf8)).slice(1, -1);
        const fromString = written(jsonTextLength(text), (out, at) => writeJsonText(out, at, text));
        assert.equal(decoder.decode(fromString), expected);
        assert.deepEqual(
          written(jsonTextLength(utf8), (out, at) => writeJsonText(out, at, utf8)),
          fromString,
        );
      }),
    );
  });

  it("escapes each control character, the quote and the backslash so that JSON.parse reads it back", () => {
    for (let code = 0; code < 0x80; code++) {
      const text = String.fromCharCode(code);
      const content = written(jsonTextLength(text), (out, at) => writeJsonText(out, at, text));
      assert.equal(JSON.parse(`"${decoder.decode(content)}"`), text);
    }
  });
});

describe("runs of bytes", () => {
  it("are the same only if every byte is", () => {
    const bytes = Uint8Array.from([1, 2, 3, 4, 1, 2, 3, 5]);
    assert.equal(sameBytes(bytes, 0, bytes, 4, 3), true);
    assert.equal(sameBytes(bytes, 0, bytes, 4, 4), false);
    assert.equal(sameBytes(bytes, 0, bytes, 4, 0), true);
    assert.equal(sameBytes(bytes, 1, bytes, 4, 1), false);
  });

  it("are copied from start to end, and nothing else", () => {
    const from = Uint8Array.from([1, 2, 3, 4, 5]);
    assert.deepEqual(
      written(3, (out, at) => copyBytes(out, at, from, 1, 4)),
      Uint8Array.from([2, 3, 4]),
    );
    assert.equal(written(0, (out, at) => copyBytes(out, at, from, 2, 2)).length, 0);
  });
});
