/** Filters that overlap, against every topic there is: over a small alphabet, and up to three levels. */
import assert from "node:assert/strict";
import { isFilter, matches, overlap } from "../../firmware/messages/filter.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** All texts of one to `depth` of these levels. */
const paths = (levels: string[], depth: number): string[] =>
  depth === 0
    ? []
    : [...levels, ...paths(levels, depth - 1).flatMap((rest) => levels.map((level) => `${level}/${rest}`))];

describe("two filters overlap", () => {
  // The empty one, on which nobody can publish, counts like the others: it costs no filter that makes sense.
  const topics = [...new Set(paths(["a", "b", "", "ab"], 4))];
  const filters = [...new Set(paths(["a", "b", "", "+", "#"], 3))].filter((filter) =>
    isFilter(bytes(filter)),
  );

  it(`exactly where both match a topic: ${filters.length} filters, ${topics.length} topics`, () => {
    const matched = filters.map(
      (filter) =>
        new Set(topics.filter((topic) => matches(bytes(filter), 0, bytes(topic), topic.length, false))),
    );
    filters.forEach((one, i) => {
      filters.forEach((other, j) => {
        const isShared = [...(matched[i] as Set<string>)].some((topic) => matched[j]?.has(topic));
        assert.equal(overlap(bytes(one), 0, bytes(other), 0), isShared, `${one} and ${other}`);
      });
    });
  });

  it("behind the names of their groups", () => {
    const share = "$share/g/".length;
    assert.ok(overlap(bytes("$share/g/a/+"), share, bytes("a/b"), 0));
    assert.ok(!overlap(bytes("$share/g/a/+"), share, bytes("b/b"), 0));
  });
});
