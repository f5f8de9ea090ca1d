/** What the build for Espruino writes in the place of names. */
import assert from "node:assert/strict";
import { withNumbers } from "../../build/numbers.mjs";

describe("numbers in the place of their names", () => {
  const HEAD = "const WINDOW = 0x200;\nconst HALF = WINDOW / 2;\nexport const SHOWN = 3;\nlet CHANGED = 4;\n";

  const cases: [string, string, string][] = [
    ["a use", "f(WINDOW, x[WINDOW]);", "f(512, x[512]);"],
    ["a use in a template", `g(\`WINDOW \${WINDOW}\`);`, `g(\`WINDOW \${512}\`);`],
    ["a value of an object", "o = { WINDOW: WINDOW };", "o = { WINDOW: 512 };"],
    ["no text", `h("WINDOW", 'WINDOW', /WINDOW/); // WINDOW`, `h("WINDOW", 'WINDOW', /WINDOW/); // WINDOW`],
    ["no member", "o.WINDOW = this.WINDOW;", "o.WINDOW = this.WINDOW;"],
    ["no member of an enum", "enum E { WINDOW, A = WINDOW }", "enum E { WINDOW, A = 512 }"],
    ["no shorthand", "o = { WINDOW };", "o = { WINDOW };"],
    ["nothing that is exported, reckoned or changes", "f(SHOWN, HALF, CHANGED);", "f(SHOWN, HALF, CHANGED);"],
  ];
  for (const [what, source, expected] of cases) {
    it(`replaces ${what}`, () => {
      const head = HEAD.replace("= WINDOW /", "= 512 /");
      assert.equal(withNumbers(HEAD + source), head + expected);
    });
  }
});
