/** A checkout that is moved or copied runs its own sources: what was bundled knows no path of the old place. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at, ROOT } from "../docs/repository.js";

describe("a checkout", () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "checkout-"));
    const listed = execFileSync(
      "git",
      ["ls-files", "-z", "build", "firmware", "host-sim", "tools", "*.json"],
      {
        cwd: ROOT,
        encoding: "utf8",
      },
    );
    for (const path of listed.split("\0").filter((name) => name !== ""))
      cpSync(at(path), join(folder, "here", path), { recursive: true });
    symlinkSync(at("node_modules"), join(folder, "here/node_modules"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const help = (place: string): string =>
    execFileSync(process.execPath, [join(folder, place, "tools/bin/motekey.mjs"), "environment", "--help"], {
      encoding: "utf8",
    });

  it("that was moved runs its command line, and sees its own changes", () => {
    const before = help("here");
    renameSync(join(folder, "here"), join(folder, "there"));
    assert.equal(help("there"), before);

    const source = join(folder, "there/tools/environment/command.ts");
    const text = readFileSync(source, "utf8");
    const changed = text.replace("An empty variable counts as not set.", "This is the moved one.");
    assert.notEqual(changed, text);
    writeFileSync(source, changed);
    assert.match(help("there"), /This is the moved one\./);
  });
});
