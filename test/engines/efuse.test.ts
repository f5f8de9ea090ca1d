/** A chip's key behind `SealedStore`: the C on XS, at a chip that stands in for the eFuses; ESP-IDF is not here. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Status } from "../../firmware/index.js";
import { Strength } from "../../firmware/seal.js";
import { mended, secretOf } from "../seal/oracle.js";
import { bundle } from "./bundle.js";
import { buildNative } from "./native.mjs";
import { requireXs } from "./require-xs.js";
import { startXs, type Xs } from "./xs.js";

const EFUSE_KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const BLOCK = 3;
/** What the key is known by, in a record. */
const KEY_AT = 16;
const document = readFileSync(new URL("../../firmware/RECORD.md", import.meta.url), "utf8");

/** The block of hex behind a text of RECORD.md. */
const vector = (title: string): string =>
  (
    new RegExp(`${title}[^]*?\`\`\`\\n([0-9a-f\\n]+)\`\`\``).exec(document)?.[1] ?? assert.fail(title)
  ).replace(/\s/g, "");

describe("a chip's key for sealed records, on XS", function () {
  this.timeout(120_000);
  let xs: Xs;
  before(requireXs);
  before(async () => {
    xs = await startXs({ program: buildNative("efuse") });
    const suite = fileURLToPath(new URL("moddable/suite-efuse.ts", import.meta.url));
    await xs.evaluate(
      `globalThis.native = (name) => globalThis[name];${await bundle(suite, "suite", "both")}`,
    );
  });
  after(() => xs?.close());

  it("is the chip's HMAC of a key that nobody reads, as the bench makes it of that key", async () => {
    assert.equal(
      await xs.text(`suite.keyIn(${BLOCK})`),
      `${Strength.SEALED} ${secretOf(EFUSE_KEY).toString("hex")}`,
    );
  });

  it("opens the record that RECORD.md shows, and no other's", async () => {
    const [plain, sealed] = [vector("Unsealed, the record is"), vector("Sealed with secretbox")];
    assert.equal(await xs.text(`suite.opened("motekey-creda", "${sealed}")`), plain);
    const foreign = Buffer.from(sealed, "hex");
    foreign.writeUInt8(foreign.readUInt8(KEY_AT) ^ 1, KEY_AT);
    assert.equal(
      await xs.text(`suite.opened("motekey-creda", "${mended(foreign).toString("hex")}")`),
      `refused: ${Status.SEAL_FOREIGN}`,
    );
  });

  it("of a block without one is an error that says what to burn", async () => {
    assert.match(
      await xs.text("suite.keyIn(2)"),
      /eFuse block KEY2 has no key for HMAC_UP: burn one with espefuse/,
    );
  });

  it("refuses what is no block, no message and no digest", async () => {
    assert.equal(
      await xs.text("suite.refusals()"),
      "TypeError,TypeError,RangeError,RangeError,TypeError,RangeError,TypeError",
    );
  });
});
