// motekey/seal for Node: one module, the cipher in it, so that the package needs no other.
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const FIRMWARE = join(dirname(fileURLToPath(import.meta.url)), "../firmware");

/** Writes dist/seal.js in the place of the compiler's, whose pieces are in it; the types stay. */
export async function bundleSeal() {
  await build({
    entryPoints: [join(FIRMWARE, "seal.ts")],
    outfile: join(FIRMWARE, "dist/seal.js"),
    bundle: true,
    format: "esm",
    target: "es2020",
    platform: "browser", // the cipher takes no random numbers from Node
  });
  const pieces = join(FIRMWARE, "dist/seal");
  for (const name of readdirSync(pieces)) if (name.endsWith(".js")) rmSync(join(pieces, name));
}
