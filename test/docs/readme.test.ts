/** Who reads the README for a minute knows which server to use, how to put motekey on a board, how to test an app. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { at } from "./repository.js";

/** What is read in a minute, slowly: words. */
const MINUTE = 230;

/** The words that answer a question, and the documents that go on from there. */
const QUESTIONS: readonly (readonly [question: RegExp, answer: RegExp, goesOn: readonly string[]])[] = [
  [/\*\*Which server\?\*\*/, /`motekey cloud serve`.*`startCloud\(\)`/, ["docs/service.md", "docs/cloud.md"]],
  [/\*\*On your board\?\*\*/, /`createAuth`/, ["docs/moddable.md", "docs/espruino.md"]],
  [/\*\*To test your app\?\*\*/, /`simulateDevice\(\)`/, ["docs/testing.md"]],
];

describe("the README's first minute", () => {
  const text = readFileSync(at("README.md"), "utf8");
  /** Prose only: what a fence holds is looked at, not read. */
  const minute = text
    .replace(/^```[\s\S]*?^```$/gm, "")
    .split(/(?<=\s)/)
    .slice(0, MINUTE)
    .join("");

  for (const [question, answer, goesOn] of QUESTIONS)
    it(`answers ${question.source.replaceAll("\\", "").replaceAll("*", "")}`, () => {
      const line = minute.split("\n").find((one) => question.test(one)) ?? "";
      assert.match(line, answer);
      for (const document of goesOn) {
        assert.ok(line.includes(`](${document})`), `${document} in "${line}"`);
        assert.ok(existsSync(at(document)));
      }
    });

  it("says what it is, how to install it, and the two commands", () => {
    assert.match(minute, /^# motekey\n\nDevice authentication for microcontrollers/);
    const fences = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
    assert.match(fences[0] ?? "", /^npm install motekey /);
    assert.match(fences[1] ?? "", /^npm install && npm start .*\nnpm install && npm test /);
  });
});
