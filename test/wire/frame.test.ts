/** Every known member with a value of every type, in every place: read as plain rules say over JSON.parse and cbor-x. */
import assert from "node:assert/strict";
import { decode, Encoder } from "cbor-x";
import fc from "fast-check";
import { Status } from "../../firmware/status.js";
import { CborReader } from "../../firmware/wire/cbor/cbor.js";
import { FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX } from "../../firmware/wire/frame/frame.js";
import { decodePlain } from "./cbor-plain.js";
import { readingOf, readPieces } from "./frame-rules.js";
import { everyBytes } from "./json-events.js";

/** Maps are not tagged 259: an option that cbor-x's types lack. */
const encoder = new Encoder({ useRecords: false, variableMapSize: true, ...{ useTag259ForMaps: false } });

const AT_TOP = ["v", "src", "dst", "id", "method", "nr", "result", "error"];
const IN_RESULT = ["token", "sealed", "exist", "success", "expires_in", "time", "ext", "rotate"];
const IN_ERROR = ["code", "message", "retry_after"];
const KNOWN = [...AT_TOP, ...IN_RESULT, ...IN_ERROR, "cbor", "seal", "host"];
const UNKNOWN = ["args", "auth", "tag", "trace", "x", "", "__proto__", "constructor", "expires_in_seconds"];

/** An object that would mean something wherever it were looked into. */
const bait = (inner: unknown = "bait"): Record<string, unknown> => ({
  id: 9,
  method: "bait",
  nr: true,
  result: inner,
  error: { code: 9, message: "bait" },
  token: inner,
  sealed: inner,
  exist: false,
  success: true,
  expires_in: 9,
  rotate: 1,
  time: 9,
  ext: { cbor: 1, seal: 1 },
  code: 9,
  message: inner,
  retry_after: 9,
  cbor: 1,
  host: inner,
});

/** A value of each type. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  2,
  -1,
  1.5,
  2 ** 53,
  "",
  "true",
  "1",
  "a text",
  "device_1",
  "//api.mongoose-iot.com",
  "x".repeat(13),
  "x".repeat(60),
  // Sealed: 12 bytes of salt, and 3, 48 and 49 of a token.
  "A".repeat(20),
  "A".repeat(80),
  `${"A".repeat(81)}A`,
  [],
  [true],
  [1],
  ["a text"],
  {},
  bait(),
  [bait()],
  [[bait()]],
  { a: bait() },
  bait(bait()),
  bait([bait()]),
  [{ host: "a" }, bait(), { host: "b" }],
];

/** What only CBOR can say. */
const CBOR_VALUES: readonly unknown[] = [
  undefined,
  Infinity,
  NaN,
  Buffer.from("bait"),
  new Map<unknown, unknown>([
    [1, true],
    ["success", true],
  ]),
];

type Members = [name: string, value: unknown][];
const objectOf = (members: Members): object => {
  const object = {};
  for (const [name, value] of members)
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true });
  return object;
};
const START: Members = [
  ["v", 2],
  ["id", 7],
];

/** Where a member may stand: what its value is put into. */
const PLACES: Readonly<Record<string, (members: Members) => object>> = {
  "in the frame": (members) => objectOf([...START.filter(([name]) => name !== members[0]?.[0]), ...members]),
  "first in the frame": (members) =>
    objectOf([...members, ...START.filter(([name]) => name !== members[0]?.[0])]),
  "in result": (members) => objectOf([...START, ["result", objectOf(members)]]),
  "beside a bare verdict": (members) => objectOf([...START, ["result", false], ["nr", objectOf(members)]]),
  "in error": (members) => objectOf([...START, ["error", objectOf([["code", 3], ...members])]]),
  "in ext": (members) => objectOf([...START, ["result", { ext: objectOf(members), token: "t" }]]),
  "in an item of a list": (members) => objectOf([...START, ["result", [objectOf(members), { host: "b" }]]]),
};

function assertRead(
  bytes: Uint8Array,
  expected: unknown,
  splits: readonly (readonly number[])[],
  isCbor = false,
): void {
  const label = isCbor ? Buffer.from(bytes).toString("hex") : Buffer.from(bytes).toString();
  const reading = readingOf(expected);
  for (const ends of splits) {
    const encoded = isCbor ? new CborReader(FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX) : null;
    const told = readPieces(bytes, ends, encoded);
    assert.deepEqual(told.reading, reading, `${label} cut at ${ends}, ${Status[told.status]}`);
  }
}

const splitsOf = (length: number): number[][] => [
  [],
  everyBytes(1, length),
  everyBytes(7, length),
  ...Array.from({ length: Math.min(length, 120) }, (_, at) => [at]),
];
const inJson = (frame: object): void => {
  const text = JSON.stringify(frame);
  assertRead(Buffer.from(text), JSON.parse(text), splitsOf(text.length));
};
const inCbor = (frame: object): void => {
  const bytes = encoder.encode(frame);
  assert.deepEqual(readingOf(decodePlain(bytes)), readingOf(decode(bytes)), "both readers of CBOR");
  assertRead(bytes, decode(bytes), splitsOf(bytes.length), true);
};

const names = fc.constantFrom(...KNOWN, ...UNKNOWN);
const scalar = fc.constantFrom(...VALUES.slice(0, 17), "/v1/Hello");
const { value: anyValue } = fc.letrec<{ value: unknown; object: object; list: unknown[] }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, tie("object"), tie("list")),
  object: fc
    .uniqueArray(fc.tuple(names, tie("value")), { selector: ([name]) => name, maxLength: 6 })
    .map(objectOf),
  list: fc.array(tie("value"), { maxLength: 4 }),
}));
const anyFrame = fc
  .tuple(
    fc.uniqueArray(fc.tuple(names, anyValue), { selector: ([name]) => name, maxLength: 8 }),
    fc.boolean(),
  )
  // Most that is random is refused at once: half of the frames begin well.
  .map(([members, isStarted]) =>
    objectOf(isStarted ? [...START, ...members.filter(([name]) => name !== "v" && name !== "id")] : members),
  );
const fractions = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 8 });
const cutsOf = (parts: readonly number[], length: number): number[] =>
  parts.map((part) => Math.floor(part * (length + 1))).sort((a, b) => a - b);

describe("a member of a frame", () => {
  for (const [place, put] of Object.entries(PLACES)) {
    it(`${place}: each name with a value of each type, JSON and CBOR, at every split of its beginning`, function () {
      this.timeout(60_000);
      for (const name of [...KNOWN, "x"]) {
        for (const value of VALUES) {
          const frame = put([[name, value]]);
          inJson(frame);
          inCbor(frame);
        }
        for (const value of CBOR_VALUES) inCbor(put([[name, value]]));
      }
    });
  }

  it("among any others, nested in any way, cut anywhere", function () {
    this.timeout(60_000);
    fc.assert(
      fc.property(anyFrame, fractions, (frame, parts) => {
        const text = JSON.stringify(frame);
        assertRead(Buffer.from(text), JSON.parse(text), [[], cutsOf(parts, text.length)]);
        const bytes = encoder.encode(frame);
        assertRead(bytes, decode(bytes), [[], cutsOf(parts, bytes.length)], true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("an object under `nr` is no result", () => {
    const text = '{"v":2,"id":7,"result":false,"nr":{"success":true}}';
    const { reading } = readPieces(Buffer.from(text), [], null);
    assert.deepEqual([reading?.verdict, reading?.result], [false, "verdict"]);
    assert.equal(readPieces(Buffer.from('{"nr":{"token":"x"}}'), [], null).reading?.token, "");
  });

  it("that comes twice is refused where it is known, and in an item of a list, but not where it is skipped", () => {
    const twice = (name: string): string => `"${name}":null,"${name}":null`;
    const frames: [string, Status][] = [
      ...["nr", "result"].map((name): [string, Status] => [`{${twice(name)}}`, Status.FRAME_DUPLICATE]),
      ...IN_RESULT.map((name): [string, Status] => [`{"result":{${twice(name)}}}`, Status.FRAME_DUPLICATE]),
      ...IN_ERROR.map((name): [string, Status] => [
        `{"error":{${twice(name)},"code":1}}`,
        Status.FRAME_DUPLICATE,
      ]),
      ['{"id":7,"id":7}', Status.FRAME_DUPLICATE],
      [`{"result":{"ext":{${twice("cbor")}}}}`, Status.FRAME_DUPLICATE],
      [`{"result":[{${twice("host")}}]}`, Status.FRAME_DUPLICATE],
      ['{"result":[{"host":"a","b":{},"host":"b"}]}', Status.FRAME_DUPLICATE],
      ['{"result":[{"host":{"a":1},"host":"b"}]}', Status.FRAME_DUPLICATE],
      ['{"result":[{"host":"a"},{"host":"b"}]}', Status.OK],
      [`{"nr":{${twice("token")}},"result":{"x":{${twice("token")}}}}`, Status.OK],
      [`{${twice("x")}}`, Status.OK],
    ];
    for (const [text, status] of frames)
      for (const ends of splitsOf(text.length))
        assert.equal(readPieces(Buffer.from(text), ends, null).status, status, text);
  });

  it("of seconds is a number from 0 to 2^53 − 1, in any spelling", () => {
    for (const [text, seconds] of [
      ["3600", 3600],
      ["3.6e3", 3600],
      ["3599.5", 3599.5],
      ["0", 0],
      ["9007199254740991", 9007199254740991],
      ["9007199254740993", -1],
      ["1e400", -1],
      ["-1", -1],
      ['"3600"', -1],
      ["[3600]", -1],
    ] as const)
      for (const name of ["expires_in", "time"]) {
        const { reading } = readPieces(Buffer.from(`{"result":{"${name}":${text}}}`), [], null);
        assert.equal(name === "time" ? reading?.timeS : reading?.expiresInS, seconds, text);
      }
  });
});
