import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { figure } from "./figure.js";
import type { Row } from "./row.js";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const run = promisify(execFile);

describe("npm run bench", () => {
  it("prints an array of figures, each with what it was measured against", async () => {
    const args = ["--import", "tsx", MAIN, "--quick", "--json", "--only", "encode"];
    const { stdout } = await run(process.execPath, args);
    const rows = JSON.parse(stdout) as Row[];
    assert.deepEqual(
      rows.filter(({ goal }) => goal !== null).map(({ name, goal }) => `${name} ${goal}`),
      [
        "encode ≥ 5×",
        "encode, copied ≥ 5×",
        "encode, garbage ≤ 0.1 B",
        "encode --jitless ≥ 3×",
        "encode --jitless, copied ≥ 3×",
      ],
    );
    for (const { name, ours, peer, unit, goal, reached, against, ratio } of rows) {
      const [left, right] = [figure(ours), figure(peer)].map((text) => Number(text.replaceAll(",", "")));
      assert.equal(ratio, (right as number) / (left as number), `${name}: the ratio of what is printed`);
      assert.ok(ours >= 0 && peer > 0, `${name}: ${ours} beside ${peer}`);
      assert.match(unit, /^(µs|B)$/);
      assert.equal(typeof reached, goal === null ? "object" : "boolean", name);
      assert.notEqual(against, "");
    }
  });
});
