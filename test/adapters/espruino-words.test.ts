/** Words that Espruino's language has for itself, where JavaScript lets them be names. */
import assert from "node:assert/strict";
import { bundleLean } from "../../build/lean.mjs";

describe("a bundle for Espruino", () => {
  it("has no variable `of`, however many it has", async () => {
    const entry = Array.from(
      { length: 2_000 },
      (_, i) => `const variable${i} = given(${i}); exports.f${i} = () => [variable${i}, variable${i}];`,
    );
    const text = await bundleLean({ entry: entry.join("\n") });
    const variables = new Set([...text.matchAll(/([\w$]+)=given\(/g)].map(([, name]) => name));
    assert.equal(variables.size, 2_000);
    assert.ok(variables.has("nf") && variables.has("pf"), "the minifier did not come as far as that");
    assert.ok(!variables.has("of"));
  });
});
