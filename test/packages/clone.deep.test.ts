/** The packages as a clean clone packs them: whole, or not at all. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../docs/repository.js";

const FOLDERS = ["firmware", "host-sim", "host-sim/service", "tools"];

/** What `npm pack` says of one package. */
interface Packed {
  name: string;
  files: { path: string }[];
}

describe("a clean clone", () => {
  let clone: string;
  let tarballs: string;

  const run = (program: string, ...args: string[]) =>
    spawnSync(program, args, { cwd: clone, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const succeed = (program: string, ...args: string[]): string => {
    const { status, stdout, stderr } = run(program, ...args);
    assert.equal(status, 0, `${program} ${args.join(" ")}\n${stdout}\n${stderr}`);
    return stdout;
  };
  const workspaces = FOLDERS.flatMap((folder) => ["-w", folder]);
  const pack = (...args: string[]) => ["pack", ...workspaces, "--pack-destination", tarballs, ...args];

  before(() => {
    clone = mkdtempSync(join(tmpdir(), "clone-"));
    tarballs = mkdtempSync(join(tmpdir(), "tarballs-"));
    succeed("git", "clone", "--quiet", ROOT, clone);
    succeed("npm", "ci", "--no-audit", "--no-fund");
    assert.equal(succeed("git", "status", "--porcelain"), "");
  });
  after(() => {
    for (const folder of [clone, tarballs]) rmSync(folder, { recursive: true, force: true });
  });

  /** The files of each package, by its name. */
  const filesOf = (json: string): Record<string, string[]> =>
    Object.fromEntries(
      (JSON.parse(json) as Packed[]).map(({ name, files }) => [name, files.map(({ path }) => path).sort()]),
    );
  /** npm prints what a build says, too, before its own JSON. */
  const jsonOf = (text: string): string => text.slice(text.search(/^\[$/m));

  it("packs what a built tree has", () => {
    const packed = filesOf(jsonOf(succeed("npm", ...pack("--json"))));
    assert.equal(readdirSync(tarballs).length, FOLDERS.length);
    succeed("npm", "run", "build");
    const built = filesOf(jsonOf(succeed("npm", ...pack("--json", "--dry-run", "--ignore-scripts"))));
    assert.deepEqual(packed, built);
    for (const [name, files] of Object.entries(packed)) {
      assert.ok(files.includes("LICENSE") && files.includes("README.md"), name);
      assert.ok(
        files.some((path) => path.startsWith("dist/")),
        name,
      );
    }
  });

  it("packs nothing where a build fails", () => {
    for (const name of readdirSync(tarballs)) rmSync(join(tarballs, name));
    writeFileSync(join(clone, "firmware/broken.ts"), "export const broken: number = 'no number';\n");
    for (const folder of FOLDERS) {
      const { status, stdout, stderr } = run("npm", "pack", "-w", folder, "--pack-destination", tarballs);
      assert.notEqual(status, 0, folder);
      assert.match(`${stdout}${stderr}`, /firmware\/broken\.ts.*TS2322/, folder);
      assert.deepEqual(readdirSync(tarballs), [], folder);
    }
  });
});
