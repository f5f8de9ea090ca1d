// The firmware as one minified ES module, for whoever has no bundler: private names shortened, the public ones kept.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { privateNames } from "./mangle.mjs";

const ENTRY = join(dirname(fileURLToPath(import.meta.url)), "../firmware/index.ts");

/** Returns the source text. */
export async function bundleMinified() {
  const result = await build({
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2015",
    mangleProps: new RegExp(`^(${privateNames().join("|")})$`),
  });
  return result.outputFiles[0].text;
}
