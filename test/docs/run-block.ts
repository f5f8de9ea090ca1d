import { rmSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { type CodeBlock, fromSources } from "./code-blocks.js";
import { at, ROOT } from "./repository.js";

/** The packages by the names that apps use, and their sources from the root. */
export const MODULES = {
  motekey: "firmware/index.ts",
  "motekey/cbor": "firmware/cbor.ts",
  "motekey/messages": "firmware/messages.ts",
  "motekey/mqtt5": "firmware/mqtt5.ts",
  "motekey/websocket": "firmware/websocket.ts",
  "motekey-host-sim": "host-sim/index.ts",
};

/** A module on the disk, which can be run again and again. */
export interface Program {
  /** To the end of what it awaits. @param tag each run has its own */
  run(tag: string): Promise<void>;
  remove(): void;
}

/** Bundles a module's text with our sources. */
export async function programOf(text: string): Promise<Program> {
  const { outputFiles } = await build({
    stdin: { contents: text, resolveDir: ROOT, loader: "ts" },
    bundle: true,
    write: false,
    packages: "external",
    platform: "node",
    format: "esm",
  });
  const file = at(`test/docs/block-${process.pid}.mjs`);
  writeFileSync(file, (outputFiles[0] as { text: string }).text);
  return {
    run: async (tag) => void (await import(`${pathToFileURL(file)}?${tag}`)),
    remove: () => rmSync(file),
  };
}

/**
 * A block whose clouds go on from run to run.
 * @param names what the document takes as given, as members of `globalThis.given`
 */
export function keptProgramOf(block: CodeBlock, names: readonly string[] = []): Promise<Program> {
  const taken = names.length === 0 ? "" : `const { ${names} } = globalThis.given;\n`;
  const text = fromSources(block, { ...MODULES, "motekey-host-sim": "test/docs/kept-cloud.ts" });
  return programOf(taken + text.replaceAll("console.log(", "void ("));
}
