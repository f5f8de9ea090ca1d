import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import fc from "fast-check";
import { bundleEspruino } from "../../build/espruino.mjs";
import { Espruino, findEspruino } from "./espruino.js";
import { readFrame } from "./suite-frame.js";

const ENTRY = `
  import { isReadWhole, readFrame } from "./test/engines/suite-frame.js";
  exports["isReadWhole"] = isReadWhole;
  exports["readFrame"] = readFrame;`;
const RUNS = 400;

const hexOf = (text: string): string => Buffer.from(text, "latin1").toString("hex");
const frameOf = (members: string): string => `{"v":2,"src":"cloud","dst":"d1",${members}}`;

/** What the engine's own JSON may judge: as the cloud spells it. */
const ORDINARY = [
  frameOf('"id":7,"result":{"token":"a.b-c_d","expires_in":3600}'),
  frameOf('"id":281474976710655,"result":{"token":"abc","expires_in":3600,"issued_at":1760000000}'),
  frameOf('"id":9007199254740991,"tag":"x","result":{"expires_in":0,"token":"a/b"}'),
  `${frameOf('"id":7,"result":{"token":"abc","expires_in":3600}')}\n12.q83vEjRWeJCrze8SNFZ4kA`,
];

/** Each would read differently, or not at all, if the engine's JSON had its way. */
const OTHERS = [
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

/** A frame with some of its bytes changed, left out, doubled, or with pieces of other frames. */
const changed = fc
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

describe("frames read by Espruino's own JSON", function () {
  this.timeout(120_000);
  let espruino: Espruino;
  let texts: string[];

  before(async function () {
    const script = `
      Modules.addCached("frames", require("fs").readFileSync("frames"));
      var frames = require("frames"), texts = E.openFile("texts", "r"), line = "", piece;
      while ((piece = texts.read(256)) !== undefined) {
        line += piece;
        for (var end = line.indexOf("\\n"); end >= 0; end = line.indexOf("\\n")) {
          tell(frames.isReadWhole(line.substr(0, end)) + " " + frames.readFrame(line.substr(0, end)));
          line = line.substr(end + 1);
        }
      }
      quit();`;
    const seed = randomInt(2 ** 31);
    texts = [...ORDINARY, ...OTHERS, ...fc.sample(changed, { numRuns: RUNS, seed })].map(hexOf);
    console.log(`      seed ${seed}`);
    const lines = texts.filter((hex) => hex !== "").map((hex) => `${hex}\n`);
    const files = { frames: await bundleEspruino({ entry: ENTRY }), texts: lines.join("") };
    espruino = await Espruino.start(findEspruino(this), script, files);
  });
  after(() => espruino?.close());

  it("are those with a token as the cloud spells them; what is read is what the strict reader reads", async () => {
    for (const [index, hex] of texts.entries()) {
      if (hex === "") continue;
      const told = await espruino.next();
      const isWhole = told.startsWith("true ");
      const text = Buffer.from(hex, "hex").toString("latin1");
      assert.equal(told.slice(told.indexOf(" ") + 1), readFrame(hex), text);
      if (index < ORDINARY.length) assert.ok(isWhole, `read byte by byte: ${text}`);
      else if (index < ORDINARY.length + OTHERS.length) assert.ok(!isWhole, `read at once: ${text}`);
    }
  });
});
