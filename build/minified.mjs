// The firmware as one minified ES module, for whoever has no bundler: private names shortened, the public ones kept.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { withLists } from "./enums.mjs";
import { privateNames } from "./mangle.mjs";

const FIRMWARE = join(dirname(fileURLToPath(import.meta.url)), "../firmware");
/** Entry points but `motekey/seal`, whose cipher is a package. Names are shortened alike in all that is in one file. */
const ALL = ["index.ts", "explain.ts", "cbor.ts", "messages.ts", "mqtt5.ts", "rotation.ts", "websocket.ts"];

/**
 * Returns the source text.
 * @param isWhole with all that an app imports by names of its own, such as `motekey/explain`; else `motekey` alone
 */
export async function bundleMinified({ isWhole = false } = {}) {
  const entries = isWhole ? ALL : ALL.slice(0, 1);
  const result = await build({
    stdin: { contents: entries.map((name) => `export * from "./${name}";`).join("\n"), resolveDir: FIRMWARE },
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2015",
    mangleProps: new RegExp(`^(${privateNames(entries).join("|")})$`),
  });
  return withLists(result.outputFiles[0].text);
}
