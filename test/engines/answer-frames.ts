/** Frames that an engine may read at once, and those that it must leave to the strict reader. */
import fc from "fast-check";

/** What an engine is given that takes CommonJS. */
export const ENTRY = `
  import { isReadWhole, readFrame } from "./test/engines/suite-frame.js";
  exports["isReadWhole"] = isReadWhole;
  exports["readFrame"] = readFrame;`;

/** A text of single bytes in hexadecimal. */
export const hexOf = (text: string): string => Buffer.from(text, "latin1").toString("hex");
const frameOf = (members: string): string => `{"v":2,"src":"cloud","dst":"d1",${members}}`;

/** What may be read at once: as the cloud spells it. */
export const ORDINARY = [
  frameOf('"id":7,"result":{"token":"a.b-c_d","expires_in":3600}'),
  frameOf('"id":281474976710655,"result":{"token":"abc","expires_in":3600,"issued_at":1760000000}'),
  frameOf('"id":9007199254740991,"tag":"x","result":{"expires_in":0,"token":"a/b"}'),
  `${frameOf('"id":7,"result":{"token":"abc","expires_in":3600}')}\n12.q83vEjRWeJCrze8SNFZ4kA`,
];

/** Each would read differently, or not at all, by a parser that is not strict. */
export const OTHERS = [
  frameOf('"id":7,"id":8,"result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":7,"result":{"token":"abc","token":"abd","expires_in":3600}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":3600},"result":1'),
  frameOf('"id":7,"result":{"token":"\\u00e9","expires_in":3600}'),
  frameOf('"id":7,"result":{"token":"\xe9","expires_in":3600}'),
  frameOf('"id":7,"result":{"token":"\xc3\xa9","expires_in":3600}'),
  frameOf('"id":7,"result":{"token":"a\\/b","expires_in":3600}'),
  frameOf('"id":07,"result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":0x7,"result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":7.5,"result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":-7,"result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":0,"result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":"7","result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":9007199254740993,"result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":-1}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":1.5}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":1e3}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":"60"}'),
  frameOf('"id":7,"result":{"token":"abc"}'),
  frameOf('"id":7,"result":{"token":7,"expires_in":3600}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":3600,"exist":false}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":3600,"success":true}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":3600,"time":1}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":3600,}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":3600} '),
  frameOf('"id":7,result:{"token":"abc","expires_in":3600}'),
  frameOf('"id":7,"result":{"token":`abc`,"expires_in":3600}'),
  frameOf('"id":7,"result":{"token":"abc","expires_in":3600}/**/'),
  frameOf('"id":7,"error":{"code":500,"message":"abc"}'),
  frameOf('"id":7,"error":1,"result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":7,"method":"m","result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":7,"nr":true,"result":{"token":"abc","expires_in":3600}'),
  frameOf(`"id":7,"result":{"token":"${"x".repeat(49)}","expires_in":3600}`),
  frameOf('"id":7,"result":"abc"'),
  frameOf('"id":7,"result":null'),
  frameOf('"id":7,"tag":{},"result":{"token":"abc","expires_in":3600}'),
  frameOf('"id":7,"tag":[1],"result":{"token":"abc","expires_in":3600}'),
  frameOf(`"id":7,"tag":${"[".repeat(200)}`),
  frameOf(`"id":7,"tag":${'{"a":'.repeat(100)}`),
  frameOf('"__proto__":1,"id":7,"result":{"token":"abc","expires_in":3600}'),
  '{"v":2,"src":"clouds","dst":"d1","id":7,"result":{"token":"abc","expires_in":3600}}',
  '{"v":2,"src":"cloud","dst":"d12","id":7,"result":{"token":"abc","expires_in":3600}}',
  '{"v":3,"src":"cloud","dst":"d1","id":7,"result":{"token":"abc","expires_in":3600}}',
  '{"src":"cloud","dst":"d1","id":7,"result":{"token":"abc","expires_in":3600}}',
  '[{"id":7},{"result":1}]',
];

/** Each known member, and one that is not, with a value of each type. */
export const PAIRS = ["src", "dst", "id", "method", "nr", "error", "result", "tag"]
  .map((name) => (value: string) => `{"v":2,"id":7,"${name}":${value},"src":"cloud","dst":"d1"}`)
  .concat(
    ["token", "exist", "success", "expires_in", "time", "ext", "x"].map(
      (name) => (value: string) => frameOf(`"id":7,"result":{"token":"t","${name}":${value},"expires_in":9}`),
    ),
    ["token", "expires_in"].map((name) => (value: string) => {
      const other = name === "token" ? '"expires_in":9' : '"token":"t"';
      return frameOf(`"id":7,"result":{"${name}":${value},${other}}`);
    }),
  )
  .flatMap((put) =>
    ["null", "true", "0", "-0", "1.5", "1e400", '""', '"t"', "[]", "{}", '{"token":"x","success":true}'].map(
      put,
    ),
  );

/** A frame with some of its bytes changed, left out, doubled, or with pieces of other frames. */
export const changed = fc
  .record({
    text: fc.constantFrom(...ORDINARY, ...OTHERS),
    edits: fc.array(
      fc.record({
        at: fc.nat(200),
        cut: fc.nat(3),
        put: fc.oneof(
          fc.constantFrom(
            "",
            '"',
            ",",
            ":",
            "{",
            "}",
            "\\",
            "\n",
            " ",
            "0",
            "-",
            ".",
            "e1",
            "null",
            "\x00",
            "\x80",
          ),
          fc.constantFrom('"id":9,', '"token":"x",', '"v":2,', '"expires_in":5,', '"a":1,', '"result":{},'),
        ),
      }),
      { minLength: 0, maxLength: 3 },
    ),
  })
  .map(({ text, edits }) =>
    edits.reduce((rest, { at, cut, put }) => {
      const from = at % (rest.length + 1);
      return rest.slice(0, from) + put + rest.slice(from + cut);
    }, text),
  );
