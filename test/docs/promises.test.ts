/** SECURITY.md: each sentence has its tests beside it in docs/promises.md. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { hasTest } from "./pages.js";
import { PROMISES, promisesPage } from "./promises.js";
import { at } from "./repository.js";
import { sentencesOf } from "./sentences.js";

describe("the promises of SECURITY.md", () => {
  const security = readFileSync(at("SECURITY.md"), "utf8");
  const sentences = sentencesOf(security).map(({ text }) => text);

  it("are split into sentences: those of paragraphs and lists, and the cells of tables", () => {
    const markdown = [
      '# One\n\nA name (`a.json`, 8.2.3). **Bold.** "Quoted" and `code`! Is it? (It is.)',
      "- `first` of a list. Its *second*.",
      "| what | here | there |\n|---|---|---|\n| it | yes. Or so | no |",
      "## Two\n\nThe end",
    ].join("\n\n");
    assert.deepEqual(
      sentencesOf(markdown).map(({ section, text }) => `${section}: ${text}`),
      [
        "One: A name (`a.json`, 8.2.3).",
        "One: **Bold.**",
        'One: "Quoted" and `code`!',
        "One: Is it?",
        "One: (It is.)",
        "One: `first` of a list.",
        "One: Its *second*.",
        "One: it, here: yes. Or so",
        "One: it, there: no",
        "Two: The end",
      ],
    );
  });

  it("stand once each, so that a row is for one sentence", () => {
    assert.deepEqual(
      sentences.filter((text, index) => sentences.indexOf(text) !== index),
      [],
    );
  });

  it("each have a row: the tests that hold it, or why it needs none", () => {
    assert.deepEqual(
      sentences.filter((text) => !PROMISES.has(text)),
      [],
    );
  });

  it("are all that has a row", () => {
    const standing = new Set(sentences);
    assert.deepEqual(
      [...PROMISES.keys()].filter((text) => !standing.has(text)),
      [],
    );
  });

  it("are held by tests of that title", () => {
    const missing: string[] = [];
    for (const [sentence, held] of PROMISES) {
      if (typeof held === "string") continue;
      assert.ok(held.length > 0, sentence);
      for (const [file, title] of held) {
        const path = at(`test/${file}.test.ts`);
        const code = existsSync(path) ? readFileSync(path, "utf8") : "";
        if (!hasTest(code, title)) missing.push(`${file}: ${title}`);
      }
    }
    assert.deepEqual(missing, []);
  });

  it("are in docs/promises.md as SECURITY.md and the table say; 'npm run docs' makes it anew", () => {
    assert.equal(readFileSync(at("docs/promises.md"), "utf8"), promisesPage(security).text);
  });
});
