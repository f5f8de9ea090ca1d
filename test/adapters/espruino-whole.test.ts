/** The answers that Espruino reads at once, by the code of its build, run here with Node's JSON in the place of its own. */
import assert from "node:assert/strict";
import { createContext, runInContext } from "node:vm";
import fc from "fast-check";
import { bundleEspruino } from "../../build/espruino.mjs";
import { changed, ENTRY, hexOf, ORDINARY, OTHERS, PAIRS } from "../engines/answer-frames.js";
import { isReadWhole, readFrame } from "../engines/suite-frame.js";

/** What the files of this engine use of it. */
const ENGINE = `
  var exports = {}, E = {
    toString: (bytes) => String.fromCharCode.apply(null, bytes),
    toJS: (text) => JSON.stringify(text).replace(/[^ -~]/g, "\\\\x00"),
  };
  var setBytes = Uint8Array.prototype.set;
  Uint8Array.prototype.set = function (source, at) {
    if (typeof source !== "string") setBytes.call(this, source, at);
    else for (let i = 0; i < source.length && at + i < this.length; i++) this[at + i] = source.charCodeAt(i);
  };`;

interface Frames {
  isReadWhole: typeof isReadWhole;
  readFrame: typeof readFrame;
}

describe("answers that Espruino reads at once", () => {
  let frames: Frames;

  before(async () => {
    const context = createContext({});
    runInContext(ENGINE, context);
    runInContext(await bundleEspruino({ entry: ENTRY }), context);
    frames = runInContext("exports", context) as Frames;
  });

  const assertSame = (text: string): void =>
    assert.equal(frames.readFrame(hexOf(text)), readFrame(hexOf(text)), text);

  it("are those with a token as the cloud spells them, and no others", () => {
    for (const text of ORDINARY) assert.ok(frames.isReadWhole(hexOf(text)), text);
    for (const text of OTHERS) assert.ok(!frames.isReadWhole(hexOf(text)), text);
    for (const text of ORDINARY) assert.ok(!isReadWhole(hexOf(text)), "elsewhere there is no such path");
  });

  it("say what the strict reader reads: each member with a value of each type", () => {
    for (const text of [...ORDINARY, ...OTHERS, ...PAIRS]) if (isAscii(text)) assertSame(text);
  });

  it("say what the strict reader reads when a few bytes are changed", () => {
    fc.assert(fc.property(changed.filter(isAscii), assertSame), { numRuns: 2_000 });
  });
});

/** Inside strings that are skipped this engine lets raw control bytes and bad UTF-8 pass. */
function isAscii(text: string): boolean {
  return text !== "" && /^[\n -~]*$/.test(text) && !/"[^"]*\n[^"]*"/.test(text);
}
