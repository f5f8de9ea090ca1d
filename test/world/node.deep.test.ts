/** The hash of a run is the same on Node 20 and 24: one seed decides all, whatever the engine. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAM = `
import { hashOf, LEVELS, runFleet } from "./host-sim/world/index.ts";
const hashes = [];
for (const spreadMs of [0, 300000])
  hashes.push(...runFleet({ seed: 7, forMs: 43200000, rates: LEVELS.many, spreadMs }, 0, 24).hashes);
console.log(process.versions.node, hashOf(hashes));
`;

/** What this Node makes of it: its version, and the hash. */
const run = (node: string): readonly string[] =>
  execFileSync(node, ["--import", "tsx", "--input-type=module", "--eval", PROGRAM], {
    cwd: ROOT,
    encoding: "utf8",
  })
    .trim()
    .split(" ");

describe("a trace's hash", () => {
  let folder = "";
  let node24 = process.env.NODE24;

  before(function () {
    this.timeout(300_000);
    if (node24 !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), "motekey-node-"));
    execFileSync("npm", ["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", "node@24"], {
      stdio: "ignore",
    });
    node24 = join(folder, "node_modules/node/bin/node");
  });

  after(() => {
    if (folder !== "") rmSync(folder, { recursive: true });
  });

  it("is the same on Node 24 as here", () => {
    const [here, hash] = run(process.execPath);
    const [other, again] = run(node24 as string);
    assert.match(other as string, /^24\./);
    assert.notEqual(here, other);
    assert.match(hash as string, /^[0-9a-f]{16}$/);
    assert.equal(again, hash);
  }).timeout(600_000);
});
