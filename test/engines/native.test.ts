import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { chunkBytesPer, slotsPer, startMeter } from "../budget/meter.js";
import { ACCEPTED, REFUSALS } from "../wire/json-cases.js";
import { changed, hexOf, ORDINARY, OTHERS, PAIRS } from "./answer-frames.js";
import { bundle } from "./bundle.js";
import { buildChip, buildNative, chipMissing, NATIVE, warningsOfNative } from "./native.mjs";
import { requireXs } from "./require-xs.js";
import * as node from "./suite.js";
import { startXs, type Xs } from "./xs.js";

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** In the engine: what XS's compiler makes of `native("…")`. */
const NATIVES = "globalThis.native = (name) => globalThis[name];";
const WINDOW_BYTES = [1, 7, 4096];
const FRAMES = 500;
/** Of each pair, and of calls with whatever there is. `npm run fuzz -- --target native` runs more of them. */
const COMPARED = 250;
const COMPARED_HASHES = 25;
const STORMS = 1_000;
const STEPS = 20;

describe("the C in the place of TypeScript, on XS", function () {
  this.timeout(120_000);
  before(requireXs);

  it("compiles without a warning", () => assert.equal(warningsOfNative(), ""));

  describe("does the same as the TypeScript in Node", () => {
    let xs: Xs;
    before(async () => {
      xs = await startXs({ program: buildNative("plain") });
      await xs.evaluate(NATIVES + (await bundle(fileOf("suite.ts"), "suite", "native")));
    });
    after(() => xs?.close());

    node.cases.forEach(({ name, run }, index) => {
      it(name, async () => assert.equal(await xs.text(`suite.cases[${index}].run()`), run()));
    });

    const texts = [...ACCEPTED, ...REFUSALS.flatMap((refusal) => refusal.texts)].map((text) =>
      Buffer.from(text as string).toString("hex"),
    );
    for (const size of WINDOW_BYTES) {
      it(`${texts.length} JSON texts, right and wrong, in windows of ${size} bytes`, async () => {
        for (const hex of texts) {
          const result = await xs.text(`suite.readJson("${hex}", ${size})`);
          assert.equal(result, node.readJson(hex, size), `JSON in hexadecimal: ${hex}`);
        }
      });
    }
  });

  describe("does the same on XS of 32 bit, as on a chip", () => {
    before(function () {
      const missing = chipMissing();
      if (missing === null) return;
      if (process.env.CI === "true") throw new Error(missing);
      console.log(`    skipped: ${missing}`);
      this.skip();
    });

    for (const heart of ["typescript", "native"] as const)
      it(`${node.cases.length} things, ${heart === "native" ? "with the C" : "in TypeScript alone"}`, async () => {
        const chip = await startXs({ program: buildChip() });
        try {
          await chip.evaluate(NATIVES + (await bundle(fileOf("suite.ts"), "suite", heart)));
          for (const [index, { name, run }] of node.cases.entries())
            assert.equal(await chip.text(`suite.cases[${index}].run()`), run(), name);
        } finally {
          await chip.close();
        }
      });
  });

  describe("leaves no garbage", () => {
    for (const proof of ["password", "counter+mac"]) {
      it(`in a round trip with ${proof}: 0 slots, 0 bytes of chunks`, async () => {
        const rig = await bundle(fileOf("../budget/rig.ts"), "rig", "native");
        const setup = `const it = new rig.Rig("${proof}", false, false); globalThis.step = () => it.roundTrip();`;
        const meter = await startMeter(`${NATIVES}${rig}\n{${setup}}`, { program: buildNative("plain") });
        try {
          assert.deepEqual([await slotsPer(meter, STEPS), await chunkBytesPer(meter, STEPS)], [0, 0]);
        } finally {
          await meter.close();
        }
      });
    }
  });

  describe("watched by AddressSanitizer, each buffer an allocation of its own", () => {
    const seed = randomInt(2 ** 30);
    let xs: Xs;
    before(async () => {
      console.log(`      seed ${seed}`);
      xs = await startXs({ program: buildNative("asan") });
      await xs.evaluate(NATIVES + (await bundle(fileOf("moddable/suite-native.ts"), "suite", "both")));
    });
    after(() => xs?.close());

    it("is watched: a byte behind a buffer ends the engine", async () => {
      const watched = await startXs({ program: buildNative("asan"), isQuiet: true });
      try {
        await assert.rejects(watched.evaluate("xs_watched_overrun(new Uint8Array(16))"), /ended/);
      } finally {
        await watched.close();
      }
    });

    it("has each of its functions tried", async () => {
      const functions = [...readFileSync(NATIVE, "utf8").matchAll(/^void (xs_motekey_\w+)\(/gm)];
      const called = (await xs.text("suite.called.join()")).split(",");
      assert.deepEqual(called.sort(), functions.map(([, name]) => name).sort());
    });

    it("refuses what is no buffer, no index, detached, or too little", async () => {
      assert.equal(await xs.text("suite.refusals()"), "");
    });

    it("lives through calls with whatever there is", async () => {
      await xs.evaluate(`suite.storm(${seed}, ${STORMS})`);
    });

    for (const name of ["runs", "copies", "compares", "decimals", "texts", "hashes"]) {
      it(`gives the bytes that the TypeScript gives: ${name}`, async () => {
        assert.ok((await xs.text("suite.twins.join()")).split(",").includes(name));
        const count = name === "hashes" ? COMPARED_HASHES : COMPARED; // the TypeScript takes its time
        assert.equal(await xs.text(`suite.compare("${name}", ${seed}, ${count})`), "");
      });
    }

    it("reads an answer at once where the cloud spells it as usual, as the strict reader would", async () => {
      // Numbers of 16 digits are left.
      for (const text of ORDINARY.filter((text) => !/\d{16}/.test(text)))
        assert.equal(await xs.text(`suite.compareWhole("${hexOf(text)}", false)`), "read", text);
    });

    it(`leaves the others to the strict reader, or reads the same: ${FRAMES} frames`, async () => {
      const frames = [...ORDINARY, ...OTHERS, ...PAIRS, ...fc.sample(changed, { numRuns: FRAMES, seed })];
      const verdicts = `[${frames.map((text) => `"${hexOf(text)}"`)}].map((text) => suite.compareWhole(text, false)).join()`;
      const told = (await xs.text(verdicts)).split(",");
      for (const [index, text] of frames.entries()) assert.match(told[index] ?? "", /^(read|left)$/, text);
      assert.ok(told.includes("read") && told.includes("left"));
    });

    it("leaves the answer with a counter to the strict reader", async () => {
      for (const text of ORDINARY)
        assert.equal(await xs.text(`suite.compareWhole("${hexOf(text)}", true)`), "left");
    });
  });
});
