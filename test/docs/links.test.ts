/** Links between the documents lead somewhere. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FAULTS } from "../../host-sim/cloud/faults.js";
import { DOCUMENTS } from "./code-blocks.js";
import { at } from "./repository.js";

/** The anchors of a document's headings, as web front ends of git make them. */
function anchorsOf(file: string): string[] {
  const headings = [...readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) => {
    const kept = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "");
    return kept.replace(/\s/g, "-");
  });
}

/** What is wrong with the link, or undefined. */
function fault(file: string, link: string): string | undefined {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? at(file) : join(dirname(at(file)), path);
  if (!existsSync(target)) return `${file}: ${link}: no such file`;
  if (anchor !== undefined && !anchorsOf(target).includes(anchor)) return `${file}: ${link}: no such heading`;
  return undefined;
}

/** Words as `wc` counts them. */
const wordsOf = (file: string): number => readFileSync(at(file), "utf8").trim().split(/\s+/).length;

describe("the documents", () => {
  it("README is read in five minutes: at most 1,500 words", () => {
    assert.ok(wordsOf("README.md") <= 1500, `${wordsOf("README.md")} words`);
  });
});

describe("docs/testing.md", () => {
  it("names each knob of the mock cloud's faults", () => {
    const [, faults = ""] = readFileSync(at("docs/testing.md"), "utf8").split(/^## Faults$|^## What/m);
    const rows = faults.matchAll(/^\| `(\w+)` \|/gm);
    assert.deepEqual([...rows].map(([, knob]) => knob).sort(), Object.keys(FAULTS).sort());
  });
});

describe("the documents' links", () => {
  it("lead to files and headings that there are", () => {
    const links = DOCUMENTS.flatMap((file) =>
      [...readFileSync(at(file), "utf8").matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, link = ""]) => link)
        .filter((link) => !/^\w+:/.test(link))
        .map((link): [string, string] => [file, link]),
    );
    assert.ok(links.length > 20);
    assert.deepEqual(
      links.map(([file, link]) => fault(file, link)).filter((found) => found !== undefined),
      [],
    );
    assert.match(fault("README.md", "docs/none.md") ?? "", /no such file/);
    assert.match(fault("README.md", "docs/guide.md#none") ?? "", /no such heading/);
  });
});
