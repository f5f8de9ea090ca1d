/** docs/extending.md names every file that knows of its examples, and none that is not there. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { at, ROOT } from "./repository.js";

const PAGE = readFileSync(at("docs/extending.md"), "utf8");

/** What of the sources is an example's, and where it is looked for. */
const EXAMPLES: Readonly<Record<string, { readonly pattern: string; readonly paths: readonly string[] }>> = {
  "A proof": {
    pattern: '"digest"',
    paths: ["firmware/*.ts", "host-sim/*.ts", "test/matrix", ":!firmware/adapters"],
  },
  "A transport": {
    pattern: "\\bmqtt5\\b",
    paths: [
      "firmware/*.json",
      "firmware/*.ts",
      "host-sim/*.ts",
      "test/matrix",
      "test/budget/budget.json",
      "test/tidy/imports.ts",
      "build",
      "site/entries.json",
      "tools",
    ],
  },
  "An Auth method": {
    pattern: "[Aa]uthorizeCommand|\\bAUTHORIZE(_COMMAND)?\\b",
    paths: ["firmware/*.ts", "host-sim/*.ts", "site/*.mjs"],
  },
  "An engine": { pattern: "\\bmoddablePorts\\b", paths: ["firmware/*.ts", "test/engines/moddable"] },
  "A command": { pattern: "\\bshowCommand\\b", paths: ["tools/device"] },
};

const sections = new Map(
  PAGE.split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf("\n")), section] as const),
);
/** The files that a section names. */
const namedIn = (section: string): string[] =>
  [...section.matchAll(/`([\w./-]+\/[\w.-]+\.(?:ts|json|mjs|md))`/g)].map(([, file = ""]) => file);

describe("docs/extending.md", () => {
  it("has a section for each thing that is added", () => {
    assert.deepEqual([...sections.keys()], Object.keys(EXAMPLES));
  });

  it("names files that there are", () => {
    const named = [...sections.values()].flatMap(namedIn);
    assert.ok(named.length > 50, `${named.length}`);
    assert.deepEqual(
      named.filter((file) => !existsSync(at(file))),
      [],
    );
  });

  for (const [name, { pattern, paths }] of Object.entries(EXAMPLES))
    it(`${name}: names each file that knows of the example`, () => {
      const found = execFileSync("git", ["grep", "-lP", pattern, "--", ...paths], {
        cwd: ROOT,
        encoding: "utf8",
      });
      const known = found.trim().split("\n");
      const named = namedIn(sections.get(name) ?? "");
      assert.ok(known.length > 1);
      assert.deepEqual(
        known.filter((file) => !named.includes(file)),
        [],
      );
    });
});
