/** docs/api.md: each entry point of the packages has a row, a program that imports it, and a page in the reference. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { blocksOf } from "./code-blocks.js";
import { at } from "./repository.js";

const PAGE = "docs/api.md";
const PACKAGES = ["firmware", "host-sim", "host-sim/service"];

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, unknown>>;
}

/** What apps import, from the packages' `exports`: files that are no modules are not. */
const exported = PACKAGES.flatMap((folder) => {
  const { name, exports } = JSON.parse(readFileSync(at(`${folder}/package.json`), "utf8")) as Manifest;
  return Object.keys(exports)
    .filter((path) => !/package\.json|samples|examples/.test(path))
    .map((path) => `${name}${path.slice(1).replace(/\/\*$/, "")}`);
});

/** The rows: an entry point, and the file and anchor of its program. */
const rows = [
  ...readFileSync(at(PAGE), "utf8").matchAll(/^\| `([^`]+)` \| .* \| \[.*\]\(([\w-]+\.md)#(.*)\) \|$/gm),
].map(([, entry = "", file = "", anchor = ""]) => ({ entry, file: join(dirname(PAGE), file), anchor }));

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");

describe(PAGE, () => {
  it("has a row for each entry point of the packages, and for no other", () => {
    assert.deepEqual(rows.map(({ entry }) => entry).sort(), exported.sort());
  });

  it("names a program that imports the entry point", () => {
    const without = rows.filter(({ entry, file, anchor }) => {
      const blocks = blocksOf(file).filter(({ heading }) => anchorOf(heading) === anchor);
      const taken = entry === "motekey/espruino" ? 'require("motekey")' : `from "${entry}"`;
      return !blocks.some(({ text }) => text.includes(taken));
    });
    assert.deepEqual(without, []);
  });

  it("has a page in the reference for each entry point", () => {
    const programs = JSON.parse(readFileSync(at("site/entries.json"), "utf8")) as Record<string, object>;
    const referred = Object.values(programs).flatMap((entries) => Object.keys(entries));
    assert.deepEqual(
      exported.filter((entry) => !referred.includes(entry)),
      [],
    );
  });
});
