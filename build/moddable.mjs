// The firmware for Moddable, for apps that do not compile it themselves: one module with its ports, enums folded.
import { writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const FIRMWARE = join(dirname(fileURLToPath(import.meta.url)), "..", "firmware");

const TYPES = `export { moddablePorts } from "./adapters/moddable/index.js";
export { ModdableLink } from "./adapters/moddable/link.js";
export * from "./index.js";
`;

/** What the engine has itself. */
const ENGINE = ["embedded:*", "net", "preference", "time", "timer"];
const ENGINE_TLS = ["crypt", "pkcs1_5", "pkcs8", "rng", "ssl/*"];
/** What an app includes by manifests of their own, and the files of ours that they bring. */
const PARTS = {
  tls: "adapters/moddable/motekey-tls.ts",
  preference: "adapters/moddable/preference-store.ts",
  "key-value": "adapters/moddable/key-value-store.ts",
  cbor: "cbor.ts",
  messages: "messages.ts",
  mqtt5: "mqtt5.ts",
  websocket: "websocket.ts",
};

/** On this engine the adapter's own file stands in the place of this one. */
const replacing = {
  name: "moddable",
  setup({ onResolve }) {
    onResolve({ filter: /\/run\.js$/ }, ({ path, resolveDir }) => {
      const isShared = relative(FIRMWARE, join(resolveDir, path)) === join("wire", "run.js");
      return isShared ? { path: join(FIRMWARE, "adapters/moddable/run.ts") } : undefined;
    });
  },
};

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
    external: [...ENGINE, ...ENGINE_TLS],
    plugins: [replacing],
  });
  return constants(outputFiles[0].text);
}

/** Writes dist/moddable.js, its parts, and its types; those of the firmware and the adapter are there already. */
export async function buildModdable() {
  for (const [name, source] of Object.entries(PARTS)) {
    const text = await bundleModdable(join(FIRMWARE, source));
    writeFileSync(join(FIRMWARE, `dist/moddable-${name}.js`), text);
  }
  writeFileSync(join(FIRMWARE, "dist/moddable.js"), await bundleModdable());
  writeFileSync(join(FIRMWARE, "dist/moddable.d.ts"), TYPES);
}
