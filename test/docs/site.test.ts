/** How a document becomes a page of the site: `npm run site`. */
import assert from "node:assert/strict";
import { documents, pageOf, pageText } from "../../site/documents.js";
import { drawRun, svgOf } from "../../site/world.js";

describe("the site's pages", () => {
  const pages = new Set(documents());
  const page = (text: string): string => pageText("docs/guide.md", text, pages);

  it("are all documents, the README beside the front page", () => {
    assert.equal(pageOf("README.md"), "overview.md");
    assert.equal(pageOf("docs/cli/README.md"), "docs/cli/index.md");
    for (const name of ["SECURITY.md", "docs/guide.md", "firmware/DESIGN.md"]) assert.ok(pages.has(name));
  });

  it("link to each other; what is no page becomes its name", () => {
    assert.equal(page("[a](../README.md#in-your-tests)"), "[a](../overview.md#in-your-tests)");
    assert.equal(page("[b](cli/README.md), [c](cli)"), "[b](./cli/index.md), [c](./cli/index.md)");
    assert.equal(page("[d](../test/docs/pages.ts), [e](#here)"), "d, [e](#here)");
  });

  it("keep their pictures, those that are links too", () => {
    assert.equal(page("![a fleet](herd.svg)"), "![a fleet](herd.svg)");
    assert.equal(page("[![a](herd.svg)](simulation.md#b)"), "[![a](herd.svg)](./simulation.md#b)");
  });

  it("hold no HTML and no template outside of code", () => {
    assert.equal(page("a <id> and {{ b }}, `<id>`"), "a &lt;id> and &#123;&#123; b }}, `<id>`");
    assert.equal(
      page("```ts\nconst a: Array<{ b: number }>;\n```"),
      "```ts\nconst a: Array<{ b: number }>;\n```",
    );
  });

  it("have a picture that is drawn from a run: connected for most of the day, a mark for each fault", () => {
    const picture = drawRun({ seed: 3, devices: 2, days: 0.25 });
    const svg = svgOf(picture);
    const countOf = (pattern: RegExp): number => svg.match(pattern)?.length ?? 0;
    assert.equal(picture.violations, 0);
    assert.equal(countOf(/class="fault /g), picture.tally.faults);
    const readyMs = picture.rows
      .flatMap(({ spans }) => spans)
      .filter(({ kind }) => kind === "ready")
      .reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    assert.ok(readyMs > 0.8 * 2 * 0.25 * 86_400_000, `${readyMs} ms`);
    assert.ok(!svg.includes("\n"));
  });
});
