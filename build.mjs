// npm run build: what the packages ship. firmware/dist: modules for XS and Node, and one minified file;
// host-sim/dist: one module for Node with the firmware inside, and its types.
import { execFileSync } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { build } from "esbuild";
import { buildModdable } from "./build/moddable.mjs";

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const compile = (project) => execFileSync(process.execPath, [tsc, "-p", project], { stdio: "inherit" });

for (const folder of ["firmware/dist", "host-sim/dist"]) rmSync(folder, { recursive: true, force: true });

compile("firmware");
await build({
  entryPoints: ["firmware/index.ts"],
  outfile: "firmware/dist/motekey.min.js",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2015",
});

compile("firmware/adapters/moddable/types.json");
await buildModdable();

compile("host-sim");
await build({
  entryPoints: ["host-sim/index.ts", "host-sim/story/main.ts"],
  outdir: "host-sim/dist",
  bundle: true,
  splitting: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
});

for (const file of ["firmware/dist/motekey.min.js", "firmware/dist/moddable.js", "host-sim/dist/index.js"]) {
  console.log(`${file}  ${(statSync(file).size / 1024).toFixed(1)} KiB`);
}
