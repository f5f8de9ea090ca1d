/** Frames that nobody means well with, as text and as CBOR. */
import fc from "fast-check";

const wrapped = (open: string, close: string, core: string) =>
  fc
    .integer({ min: 17, max: Math.floor(60_000 / (open.length + close.length)) })
    .map((times) => open.repeat(times) + core + close.repeat(times));

/** What a member may be: nested without end, or an object whose members are what an engine asks objects for. */
const value: fc.Arbitrary<string> = fc.oneof(
  fc.json(),
  wrapped("[", "]", "1"),
  wrapped('{"a":', "}", "1"),
  wrapped('[{"x":1,"a":', "}]", '"'.repeat(2)),
  fc.constantFrom(
    '{"toString":1,"valueOf":1}',
    '{"toJSON":1,"then":2}',
    '{"__proto__":{"__proto__":null}}',
    '{"constructor":{"prototype":{}},"length":-1}',
    '[[[["1"]]]]',
    "1e308",
    "-0",
    "9007199254740993",
    '"\\ud800\\u0000"',
    `"${"x".repeat(60_000)}"`,
  ),
);

const MEMBERS = "v src dst id method args params tag auth sec key nr timeout deadline result error ext".split(
  " ",
);
const METHODS = [
  "Hello",
  "Auth.GenerateToken",
  "Auth.Authenticate",
  "Auth.AuthorizeCommand",
  "Auth.ListToken",
];

/** A request of this device with some of its members replaced; digest's and the session's are taken apart further. */
export const nastyFrame = (id: string): fc.Arbitrary<string> => {
  const auth = fc
    .tuple(value, value, value, value)
    .map(
      ([nonce, nc, cnonce, response]) =>
        `{"realm":"api.mongoose-iot.com","username":"${id}","algorithm":"SHA-256","nonce":${nonce},"nc":${nc},"cnonce":${cnonce},"response":${response.startsWith('"') ? response : '"x"'}}`,
    );
  const sec = fc.tuple(value, value).map(([c, n]) => `{"c":${c},"n":${n}}`);
  const member = fc.oneof(
    fc.tuple(fc.constantFrom(...MEMBERS), value),
    fc.tuple(fc.constant("auth"), auth),
    fc.tuple(fc.constant("sec"), sec),
    fc.tuple(
      fc.constant("args"),
      value.map((one) => `{"host":${one},"id":"x","credentials":${one}}`),
    ),
  );
  return fc
    .tuple(
      fc.integer({ min: 1, max: 2 ** 40 }),
      fc.constantFrom(...METHODS),
      fc.array(member, { maxLength: 3 }),
    )
    .map(([number, method, more]) => {
      const members = new Map([
        ["v", "2"],
        ["src", `"${id}"`],
        ["id", String(number)],
        ["method", `"/v1/${method}"`],
        ...more,
      ]);
      return `{${[...members].map(([name, text]) => `"${name}":${text}`).join(",")}}`;
    })
    .filter((text) => text.length <= 65_536);
};

const text = (word: string): Buffer => Buffer.concat([Buffer.from([0x78, word.length]), Buffer.from(word)]);
const tag = (number: number): number[] => [0xd9, number >> 8, number & 0xff];

/** Items that decoders know more about than a frame has: references, dates, tables, sets, and lengths that are not there. */
const item: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc
    .integer({ min: 17, max: 60_000 })
    .map((times) => Buffer.concat([Buffer.alloc(times, 0x81), Buffer.from([1])])),
  fc
    .integer({ min: 17, max: 20_000 })
    .map((times) => Buffer.concat([Buffer.alloc(times, 0x9f), Buffer.alloc(times, 0xff)])),
  fc
    .tuple(
      fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 14, 15, 25, 27, 28, 29, 51, 105, 256, 258, 259, 40_009),
      fc.uint8Array({ maxLength: 12 }),
    )
    .map(([number, bytes]) => Buffer.from([...tag(number), ...bytes])),
  fc.constantFrom(
    // An array that holds itself, 2^31 items, a text of 2^63 bytes, nothing but a break.
    Buffer.from([...tag(28), 0x81, ...tag(29), 0]),
    Buffer.from([0x9a, 0x7f, 0xff, 0xff, 0xff]),
    Buffer.from([0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0xff]),
  ),
);

/** The same in CBOR. */
export const nastyCbor = (id: string): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.constantFrom(...MEMBERS), item)
    .map(([name, bytes]) =>
      Buffer.concat([
        Buffer.from([0xa5]),
        ...[text("src"), text(id), text("id"), Buffer.from([7]), text("v"), Buffer.from([2])],
        ...[text("method"), text("/v1/Hello"), text(name), bytes],
      ]).subarray(0, 65_536),
    );
