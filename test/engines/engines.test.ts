import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { APPENDIX_A, APPENDIX_A_EVENTS, REFUSALS as CBOR_REFUSALS } from "../wire/cbor-cases.js";
import { ACCEPTED, REFUSALS } from "../wire/json-cases.js";
import { bundle } from "./bundle.js";
import { requireXs } from "./require-xs.js";
import * as node from "./suite.js";
import { startXs, type Xs } from "./xs.js";

const SUITE = fileURLToPath(new URL("suite.ts", import.meta.url));
const WINDOW_BYTES = [1, 7, 4096];

describe("every engine does the same", () => {
  for (const { name, expected, run } of node.cases) {
    if (expected === undefined) continue;
    it(`Node: ${name}`, () => assert.equal(run(), expected));
  }

  describe("XS", () => {
    let xs: Xs;
    before(requireXs);
    before(async () => {
      xs = await startXs();
      await xs.evaluate(await bundle(SUITE, "suite"));
    });
    after(() => xs?.close());

    node.cases.forEach(({ name, run }, index) => {
      it(`as Node: ${name}`, async () => {
        const result = await xs.text(`suite.cases[${index}].run()`);
        assert.notEqual(result, "");
        assert.equal(result, run());
      });
    });

    const texts = [...ACCEPTED, ...REFUSALS.flatMap((refusal) => refusal.texts)].map((text) =>
      (typeof text === "string" ? Buffer.from(text) : Buffer.from(text)).toString("hex"),
    );
    for (const size of WINDOW_BYTES) {
      it(`as Node: ${texts.length} JSON texts, right and wrong, in windows of ${size} bytes`, async () => {
        for (const hex of texts) {
          const result = await xs.text(`suite.readJson("${hex}", ${size})`);
          assert.equal(result, node.readJson(hex, size), `JSON in hexadecimal: ${hex}`);
        }
      });
    }

    const items = [...APPENDIX_A, ...APPENDIX_A_EVENTS]
      .map(([item]) => item)
      .concat(CBOR_REFUSALS.flatMap((refusal) => refusal.items));
    for (const size of WINDOW_BYTES) {
      it(`as Node: ${items.length} CBOR items, right and wrong, in windows of ${size} bytes`, async () => {
        for (const item of items) {
          const result = await xs.text(`suite.readCbor("${item}", ${size})`);
          assert.equal(result, node.readCbor(item, size), `CBOR in hexadecimal: ${item}`);
        }
      });
    }
  });
});
