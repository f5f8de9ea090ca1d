import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import fc from "fast-check";
import { bundleEspruino } from "../../build/espruino.mjs";
import { changed, ENTRY, hexOf, ORDINARY, OTHERS, PAIRS } from "./answer-frames.js";
import { Espruino, findEspruino } from "./espruino.js";
import { readFrame } from "./suite-frame.js";

const RUNS = 400;

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
    texts = [...ORDINARY, ...OTHERS, ...PAIRS, ...fc.sample(changed, { numRuns: RUNS, seed })].map(hexOf);
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
