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
  explain: "explain.ts",
  trace: "trace.ts",
  rotation: "rotation.ts",
  seal: "seal.ts",
  efuse: "adapters/moddable/efuse.ts",
  mqtt5: "mqtt5.ts",
  websocket: "websocket.ts",
};

/** What of the adapter stands in the place of shared files on this engine. */
const REPLACED = { "wire/run": "adapters/moddable/run.ts" };
/** The same with the C of `firmware/native`; `manifest_native.json` says it to mcconfig. */
export const REPLACED_NATIVE = {
  "wire/copy": "adapters/moddable/native/copy.ts",
  "wire/decimal": "adapters/moddable/native/decimal.ts",
  "wire/json/text": "adapters/moddable/native/json-text.ts",
  "wire/run": "adapters/moddable/native/run.ts",
  "wire/frame/whole": "adapters/moddable/native/whole.ts",
  "crypto/sha256": "adapters/moddable/native/sha256.ts",
  "adapters/moddable/window": "adapters/moddable/native/window.ts",
};

const replacing = (replaced) => ({
  name: "moddable",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const target = relative(FIRMWARE, join(resolveDir, path)).replace(/\.js$/, "");
      const replacement = replaced[target];
      return replacement === undefined ? undefined : { path: join(FIRMWARE, replacement) };
    });
  },
});

const replacingPlain = replacing(REPLACED);
/** The C in the place of what it does. */
export const replacingNative = replacing(REPLACED_NATIVE);

/**
 * A preloaded module's constants stay in flash, its variables take memory; esbuild makes variables of all. The
 * enums refer to themselves before they are made, which constants must not.
 */
const constants = (source) =>
  source.replace(/^var (?=[\w$]+ = )/gm, "const ").replace(/\}\)\([\w$]+ \|\| \{\}\);/g, "})({});");

/**
 * Returns the source text.
 * @param entry what is bundled in the place of the module `motekey`
 * @param native with the C of `firmware/native`
 */
export async function bundleModdable(entry = join(FIRMWARE, "adapters/moddable/motekey.ts"), native = false) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    tsconfig: join(FIRMWARE, "adapters/moddable/tsconfig.json"),
    external: [...ENGINE, ...ENGINE_TLS],
    plugins: [native ? replacingNative : replacingPlain],
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
  writeFileSync(join(FIRMWARE, "dist/moddable-native.js"), await bundleModdable(undefined, true));
  writeFileSync(join(FIRMWARE, "dist/moddable.d.ts"), TYPES);
}
