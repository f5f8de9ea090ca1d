/** What only a maintainer knows stands in build/project.json, and npm publishes nothing before it is set. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { filesOf, missing, type Project } from "../../build/project.mjs";
import { at, ROOT } from "../docs/repository.js";

const SET: Project = {
  repository: "https://git.example.com/team/motekey.git",
  securityContact: "security@example.com",
  owners: ["@team/motekey", "@ada"],
};
const FILES = [
  ...["firmware", "host-sim", "host-sim/service", "tools"].map((folder) => `${folder}/package.json`),
  ...["SECURITY.md", ".github/CODEOWNERS", "build/project.json", "build/project.mjs"],
];

describe("build/project.json", () => {
  let copy: string;

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), "project-"));
    for (const file of FILES) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      cpSync(at(file), join(copy, file));
    }
  });
  afterEach(() => rmSync(copy, { recursive: true }));

  const read = (file: string): string => readFileSync(join(copy, file), "utf8");
  const tell = (project: object): void =>
    writeFileSync(join(copy, "build/project.json"), JSON.stringify(project));
  const program = (...args: string[]) =>
    spawnSync(process.execPath, ["build/project.mjs", ...args], { cwd: copy, encoding: "utf8" });

  it("is what the files say that name the repository, the owners, the contact", () => {
    const project = JSON.parse(readFileSync(at("build/project.json"), "utf8")) as Project;
    const others = filesOf(project, ROOT).filter(({ isSo }) => !isSo);
    assert.deepEqual(
      others.map(({ path }) => path),
      [],
      "npm run project writes them",
    );
  });

  it("keeps npm from publishing a package until each value is set: prepublishOnly of all four", () => {
    for (const file of FILES.slice(0, 4)) {
      const { scripts } = JSON.parse(readFileSync(at(file), "utf8"));
      assert.match(scripts.prepublishOnly, /^node (\.\.\/)+build\/project\.mjs --check$/);
    }
    tell({ repository: null, securityContact: null, owners: null });
    const { status, stderr } = program("--check");
    assert.equal(status, 1);
    assert.match(stderr, /its repository: .*\n.*its securityContact: .*\n.*its owners: /);
  });

  it("is written into every file by npm run project, and then nothing keeps npm", () => {
    tell(SET);
    assert.match(program("--check").stderr, /^firmware\/package\.json is not as .*: npm run project/);
    assert.equal(program().status, 0);
    assert.deepEqual(program("--check").stderr, "");
    const { repository } = JSON.parse(read("host-sim/service/package.json"));
    assert.deepEqual(repository, {
      type: "git",
      url: "git+https://git.example.com/team/motekey.git",
      directory: "host-sim/service",
    });
    assert.match(read("SECURITY.md"), /Or write to mailto:security@example\.com\./);
    assert.match(read(".github/CODEOWNERS"), /^\* @team\/motekey @ada$/m);
  });

  it("takes an address, not a placeholder", () => {
    assert.deepEqual(missing(SET), []);
    for (const wrong of [
      { repository: "motekey" },
      { securityContact: "nobody" },
      { owners: [] },
      { owners: ["ada"] },
    ])
      assert.equal(missing({ ...SET, ...wrong } as Project).length, 1, JSON.stringify(wrong));
  });
});
