import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { type CodeBlock, fromSources } from "./code-blocks.js";
import { at } from "./repository.js";

/** The packages by the names that apps use, and their sources from the root. */
export const MODULES = {
  motekey: "firmware/index.ts",
  "motekey/cbor": "firmware/cbor.ts",
  "motekey/explain": "firmware/explain.ts",
  "motekey/messages": "firmware/messages.ts",
  "motekey/rotation": "firmware/rotation.ts",
  "motekey/seal": "firmware/seal.ts",
  "motekey/trace": "firmware/trace.ts",
  "motekey/mqtt5": "firmware/mqtt5.ts",
  "motekey/websocket": "firmware/websocket.ts",
  "motekey-host-sim": "host-sim/index.ts",
  "motekey-service": "host-sim/service/index.ts",
  "motekey-service/verify": "host-sim/service/verify.ts",
};

/** A module on the disk, which can be run again and again. */
export interface Program {
  /** To the end of what it awaits. @param tag each run has its own */
  run(tag: string): Promise<void>;
  remove(): void;
}

/** A module's text on the disk. Our sources, which it imports by their paths, are loaded once for all runs. */
export function programOf(text: string): Program {
  mkdirSync(at(".cache"), { recursive: true });
  const file = at(`.cache/block-${process.pid}.mts`); // no source of ours: nothing else is to find it
  writeFileSync(file, text);
  return {
    run: async (tag) => void (await import(`${pathToFileURL(file)}?${encodeURIComponent(tag)}`)),
    remove: () => rmSync(file),
  };
}

/**
 * A block whose clouds go on from run to run.
 * @param names what the document takes as given, as members of `globalThis.given`
 */
export function keptProgramOf(block: CodeBlock, names: readonly string[] = []): Program {
  const taken = names.length === 0 ? "" : `const { ${names} } = globalThis.given;\n`;
  const text = fromSources(block, { ...MODULES, "motekey-host-sim": "test/docs/kept-cloud.ts" });
  return programOf(taken + text.replaceAll("console.log(", "void ("));
}
