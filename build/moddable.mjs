// The firmware for Moddable, for apps that do not compile it themselves: one module with its ports, enums folded.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const FIRMWARE = join(dirname(fileURLToPath(import.meta.url)), "..", "firmware");

const TYPES = `export { moddablePorts } from "./adapters/moddable/index.js";
export * from "./index.js";
`;

/** What the engine has itself. */
const ENGINE = ["embedded:*", "net", "time", "timer"];

/**
 * A preloaded module's constants stay in flash, its variables take memory; esbuild makes variables of all. The
 * enums refer to themselves before they are made, which constants must not.
 */
const constants = (source) =>
  source.replace(/^var (?=[\w$]+ = )/gm, "const ").replace(/\}\)\([\w$]+ \|\| \{\}\);/g, "})({});");

/** @param entry what is bundled in the place of the module `motekey`. Returns the source text. */
export async function bundleModdable(entry = join(FIRMWARE, "adapters/moddable/motekey.ts")) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    tsconfig: join(FIRMWARE, "adapters/moddable/tsconfig.json"),
    external: ENGINE,
  });
  return constants(outputFiles[0].text);
}

/** Writes dist/moddable.js and its types; those of the firmware and the adapter are there already. */
export async function buildModdable() {
  writeFileSync(join(FIRMWARE, "dist/moddable.js"), await bundleModdable());
  writeFileSync(join(FIRMWARE, "dist/moddable.d.ts"), TYPES);
}
