import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireXs } from "./require-xs.js";
import { startXs, type Xs, type XsOptions } from "./xs.js";

/** In the engine: asks the test process, in text. */
const ASK = `function ask(text) {
  return new TextDecoder().decode(issueCommand(new TextEncoder().encode(text).buffer));
}`;

describe("the driver of the XS engine", () => {
  let xs: Xs | undefined;
  before(requireXs);
  afterEach(() => xs?.close());

  async function start(options?: XsOptions): Promise<Xs> {
    xs = await startXs(options);
    return xs;
  }

  it("gives values, also long ones and those of many commands at once", async () => {
    const engine = await start();
    const texts = await Promise.all([1, 100_000].map((n) => engine.text(`"é".repeat(${n})`)));
    assert.deepEqual(texts, ["é", "é".repeat(100_000)]);
  });

  it("rejects what throws and goes on", async () => {
    const engine = await start();
    await assert.rejects(engine.evaluate("missing.member"), /get missing: undefined variable/);
    assert.equal(await engine.text("6 * 7"), "42");
  });

  it("answers host calls, in time, while other commands wait", async () => {
    const asked: string[] = [];
    const engine = await start({
      onCommand: async (bytes) => {
        asked.push(Buffer.from(bytes).toString());
        await new Promise(setImmediate);
        return Buffer.from(`${bytes.length} bytes`);
      },
    });
    await engine.evaluate(ASK);
    const answers = await Promise.all([engine.text(`ask("one") + ask("three")`), engine.text("'next'")]);
    assert.deepEqual(answers, ["3 bytes5 bytes", "next"]);
    assert.deepEqual(asked, ["one", "three"]);
  });

  it("ends the engine with the error of a host call that fails", async () => {
    const engine = await start({ onCommand: () => Promise.reject(new Error("no route to host")) });
    await engine.evaluate(ASK);
    await assert.rejects(engine.evaluate(`ask("one")`), /no route to host/);
  });

  it("calls handleCommand with bytes", async () => {
    const engine = await start();
    await engine.evaluate("globalThis.handleCommand = (buffer) => new Uint8Array(buffer).reverse().buffer");
    assert.deepEqual([...(await engine.command(Uint8Array.of(1, 2, 3))).bytes], [3, 2, 1]);
  });

  it("loads an ES module with what it imports", async () => {
    const directory = await mkdtemp(join(tmpdir(), "motekey-xs-"));
    try {
      await writeFile(join(directory, "lower.js"), "export const seven = 7;");
      await writeFile(
        join(directory, "upper.js"),
        'import { seven } from "./lower.js"; globalThis.n = seven;',
      );
      const engine = await start();
      await engine.importModule(join(directory, "upper.js"));
      assert.equal(await engine.text("n"), "7");
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("stops a command that takes too many computrons", async () => {
    const engine = await start({ computronLimit: 100_000 });
    await assert.rejects(engine.evaluate("for (;;);"), /too many computrons/);
  });

  it("rejects what is under way and what comes after when it is closed", async () => {
    const engine = await start();
    const endless = assert.rejects(engine.evaluate("for (;;);"), /was closed/);
    await engine.close();
    await endless;
    await assert.rejects(engine.text("1"), /was closed/);
  });

  it("measures in a snapshot what is alive, not garbage", async () => {
    const engine = await start();
    await engine.evaluate("globalThis.kept = null");
    const before = (await engine.snapshot()).chunkBytes;
    await engine.evaluate("kept = new ArrayBuffer(100000); new ArrayBuffer(500000)");
    const rise = (await engine.snapshot()).chunkBytes - before;
    assert.ok(rise >= 100_000 && rise < 101_000, `${rise} bytes`);
  });

  it("sees garbage collections, which a small heap makes frequent", async () => {
    const garbage = "for (let i = 0; i < 100; i++) new ArrayBuffer(10000)";
    for (const [options, seen] of [
      [{}, 0],
      [{ chunkBytes: 500_000 }, 1],
    ] as const) {
      const engine = await start(options);
      await engine.evaluate(garbage);
      assert.equal(await engine.collections(), seen);
      await engine.close();
    }
  });
});
