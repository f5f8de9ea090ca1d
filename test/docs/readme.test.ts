/** The code in the README is compiled, and what can run on this machine runs. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import ts from "typescript";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const PACKAGES: Record<string, string> = {
  "motekey-host-sim": join(ROOT, "host-sim/index.ts"),
  motekey: join(ROOT, "firmware/index.ts"),
  "motekey/websocket": join(ROOT, "firmware/websocket.ts"),
  "motekey/messages": join(ROOT, "firmware/messages.ts"),
};

/** The README's TypeScript blocks that import this package, with our sources in its place. */
function blocks(name: string): string[] {
  const all = [...README.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
  return all.filter((block) => block.includes(`from "${name}"`));
}

function fromSource(block: string): string {
  return block.replace(/from "([^"]+)"/g, (whole, name: string) => {
    const path = PACKAGES[name];
    return path === undefined ? whole : `from "${path.replace(/\.ts$/, ".js")}"`;
  });
}

/** Type errors of a file with this text, beside this test. */
function typeErrors(text: string): string[] {
  const file = join(HERE, "snippet.ts");
  const config = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (path) => path === file || fileExists.call(host, path);
  host.readFile = (path) => (path === file ? text : readFile.call(host, path));
  host.getSourceFile = (path, ...rest) =>
    path === file ? ts.createSourceFile(path, text, rest[0]) : getSourceFile.call(host, path, ...rest);
  const program = ts.createProgram([file], { ...options, noImplicitAny: false }, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
}

describe("the README's code", () => {
  it("for firmware compiles against the public API", function () {
    this.timeout(60_000);
    const found = blocks("motekey");
    assert.ok(found.length > 0);
    const given = `
      import type { Ports } from "${join(ROOT, "firmware/index.js")}";
      declare const ports: Ports;
      declare function use(bytes: Uint8Array, length: number): void;
      declare function trace(text: string): void;
    `;
    for (const block of found) assert.deepEqual(typeErrors(given + fromSource(block)), []);
    assert.notDeepEqual(typeErrors(`${given} use("a", 1);`), [], "a mistake is found");
  });

  it("for CI runs as it stands", async function () {
    this.timeout(60_000);
    const [block] = blocks("motekey-host-sim");
    const { outputFiles } = await build({
      stdin: {
        contents: `${fromSource(block as string)}
          export const check = cloud.checkToken(token, "app.example.com");
          device.close();
          await cloud.close();`,
        resolveDir: ROOT,
        loader: "ts",
      },
      bundle: true,
      write: false,
      packages: "external",
      platform: "node",
      format: "esm",
    });
    const file = join(HERE, `snippet-${process.pid}.mjs`);
    writeFileSync(file, (outputFiles[0] as { text: string }).text);
    try {
      const { check } = await import(pathToFileURL(file).href);
      assert.equal(check.active, true);
      assert.equal(check.sub, "device_123");
    } finally {
      rmSync(file);
    }
  });
});
