import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { figure } from "./figure.js";
import { interleave, medianPair } from "./samples.js";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const run = promisify(execFile);

describe("npm run bench", () => {
  it("measures nobody always first", async () => {
    const order: string[] = [];
    const sampler = (name: string) => () => order.push(name);
    await interleave({ a: sampler("a"), b: sampler("b"), c: sampler("c") }, 3);
    assert.equal(order.join(""), "abcbcacababc");
  });

  it("prints of paired samples the round in the middle, whose ratio is that of what is printed", () => {
    assert.deepEqual(medianPair([90, 200, 50], [100, 400, 40]), [90, 100]);
  });

  it("names its groups when none is chosen", async () => {
    const args = ["--import", "tsx", MAIN, "--only", "nothing"];
    await assert.rejects(run(process.execPath, args), /chooses nothing; the groups are encode, decode/);
  });

  it("prints three figures that count", () => {
    assert.deepEqual([0.012345, 1, 12.345, 1234.5, Number.NaN, Number.POSITIVE_INFINITY].map(figure), [
      "0.0123",
      "1.00",
      "12.3",
      "1,235",
      "–",
      "∞",
    ]);
  });
});
