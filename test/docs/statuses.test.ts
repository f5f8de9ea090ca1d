/** docs/statuses.md is made of the firmware's sentences, and lists each status. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Status } from "../../firmware/index.js";
import { at } from "./repository.js";
import { statusesPage } from "./statuses.js";

describe("docs/statuses.md", () => {
  const text = readFileSync(at("docs/statuses.md"), "utf8");

  it("is as the firmware's sentences are; 'npm run docs' makes it anew", () => {
    assert.equal(text, statusesPage().text);
  });

  it("lists each status once, with a sentence", () => {
    const listed = [...text.matchAll(/^\| (\d+) \| `(\w+)` \| \S.* \|$/gm)].map(([, number, name]) => [
      name,
      Number(number),
    ]);
    const statuses = Object.entries(Status).filter(([, number]) => typeof number === "number");
    assert.deepEqual(listed.sort(), statuses.sort());
  });
});
