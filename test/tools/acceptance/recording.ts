/** What a person at a bench types and sees, kept as text in docs/bench.md. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Said } from "../world.js";

const PAGE = fileURLToPath(new URL("../../../docs/bench.md", import.meta.url));
const BEGIN = "<!-- recording: npm run test:deep -- factory; with UPDATE=1 it is made anew -->\n```\n";
const END = "```\n<!-- end of the recording -->";

/** Keeps lines and what they said. */
export class Recording {
  private text = "";

  /** @param hidden parts of the text that differ from machine to machine, and what stands in their place */
  constructor(private readonly hidden: ReadonlyMap<string, string>) {}

  /** A command and what a terminal shows of it: what it says on the way, then its answer. */
  take(line: string, { stdout, stderr }: Said): void {
    let said = `$ motekey ${line}\n${stderr}${stdout}\n`;
    for (const [part, shown] of this.hidden) said = said.replaceAll(part, shown);
    this.text += said;
  }

  /** The page has this recording, but for random numbers and times. `UPDATE=1` puts it there. */
  check(): void {
    const page = readFileSync(PAGE, "utf8");
    const [before = "", rest = ""] = page.split(BEGIN);
    const [kept = "", after] = rest.split(END);
    assert.notEqual(after, undefined, "docs/bench.md has no place for the recording");
    if (process.env.UPDATE === "1")
      writeFileSync(PAGE, `${before}${BEGIN}${this.text.trimEnd()}\n${END}${after}`);
    else assert.equal(plain(this.text.trimEnd()), plain(kept.trimEnd()));
  }
}

/** Without what differs from run to run: hashes, dates, durations, and lines about how far a batch has come. */
const plain = (text: string): string =>
  text
    .replace(/^.*(per second|per minute).*\n/gm, "")
    .replace(/[0-9a-f]{16,}|([0-9A-F]{2}:){31}[0-9A-F]{2}/g, "HASH")
    .replace(/\d{4}-\d\d-\d\d(T[\d:.]+Z)?/g, "DATE")
    .replace(/\d+(\.\d+)? s\b/g, "N s")
    .replace(/age1[0-9a-z]{58}/g, "age1…");
