/** The documents' programs as devices live: booted ten times, in memory that keeps nothing, at a cloud that goes on. */
import assert from "node:assert/strict";
import { nodePorts } from "../../host-sim/index.js";
import type { Link } from "../../firmware/index.js";
import { blocksOf, type CodeBlock } from "./code-blocks.js";
import { closeKeptClouds, keptClouds } from "./kept-cloud.js";
import { runBlock } from "./run-block.js";

const BOOTS = 10;
/** A device is back within the minute. */
const BOOT_LIMIT_MS = 60_000;

const blocks = ["README.md", "docs/guide.md"].flatMap(blocksOf);

/** Programs that make a device of their own at the mock cloud, all in one piece. */
const programs = blocks.filter(
  ({ language, text }) => language === "ts" && /createAuth\(/.test(text) && /startCloud/.test(text),
);

/** What the README's first program needs beside itself. */
const first = blocks.find(
  ({ file, text }) => file === "README.md" && /counter: 1/.test(text) && /createAuth\(/.test(text),
) as CodeBlock;

describe("a program of the documents, booted ten times without a store", () => {
  afterEach(closeKeptClouds);

  it("there are several, with counters that begin at 1 each time", () => {
    const withCounters = programs.filter(({ text }) => /counter(: 1\b|: counter)/.test(text));
    assert.ok(withCounters.length >= 5, `${withCounters.map(({ name }) => name)}`);
  });

  for (const program of programs) {
    it(`${program.name} has its token each time`, async function () {
      this.timeout(BOOTS * BOOT_LIMIT_MS);
      for (let boot = 0; boot < BOOTS; boot++) {
        keptClouds().next = 0;
        const before = tokens();
        const startedAtMs = performance.now();
        await runBlock(program, `boot ${boot}`);
        const took = performance.now() - startedAtMs;
        assert.ok(took < BOOT_LIMIT_MS, `boot ${boot} took ${took} ms`);
        assert.ok(tokens() > before, `boot ${boot}: no token was asked for and given`);
      }
    });
  }

  it("the README's first program has its token each time", async function () {
    this.timeout(BOOTS * BOOT_LIMIT_MS);
    const { startCloud } = await import("./kept-cloud.js");
    const cloud = await startCloud();
    const psk = /psk: "(.+?)"/.exec(first.text)?.[1] as string;
    await cloud.addDevice({ id: "device_123", psk });
    for (let boot = 0; boot < BOOTS; boot++) {
      await new Promise<void>((used, failed) => {
        const ports = nodePorts();
        // The cloud that the program names is this one.
        const link: Link = {
          open: (_address, events) => ports.link.open({ host: "127.0.0.1", port: cloud.port }, events),
          write: (bytes, from, to) => ports.link.write(bytes, from, to),
          close: () => ports.link.close(),
        };
        const trace = (text: string): void => failed(new Error(`boot ${boot}: ${text}`));
        const given = { ports: { ...ports, link }, use: () => used(), trace };
        runBlock({ ...first, text: `${first.text}\nglobalThis.booted = auth;` }, `boot ${boot}`, given).catch(failed);
      });
      (globalThis as unknown as { booted: { close(): void } }).booted.close();
    }
    assert.equal(cloud.stats.tokens, BOOTS);
    assert.equal(cloud.stats.recoveries.device_123, BOOTS - 1);
  });
});

/** Tokens that all clouds gave, made anew or found again. */
function tokens(): number {
  return keptClouds().clouds.reduce((sum, { stats }) => sum + stats.tokens + (stats.requests["/v1/Auth.GetToken"] ?? 0), 0);
}
