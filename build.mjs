// npm run build: what the packages ship. firmware/dist: modules for XS and Node, and two minified files;
// dist/espruino: files for require("motekey") and require("motekey-messages"); host-sim/dist: modules for Node, and
// their types; tools/dist: the command line.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { enumModule } from "./build/enums.mjs";
import { bundleHostSim } from "./build/host-sim.mjs";
import { bundleLean, MESSAGES_ENTRY } from "./build/lean.mjs";
import { bundleMinified } from "./build/minified.mjs";
import { buildModdable } from "./build/moddable.mjs";
import { bundleSeal } from "./build/seal.mjs";
import { bundleTools } from "./build/tools.mjs";

process.chdir(import.meta.dirname); // `npm pack` begins in a package's folder

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const compile = (project) => execFileSync(process.execPath, [tsc, "-p", project], { stdio: "inherit" });

for (const folder of ["dist", "firmware/dist", "host-sim/dist", "host-sim/service/dist"])
  rmSync(folder, { recursive: true, force: true });

compile("firmware");
compile("firmware/trace");
writeFileSync("firmware/dist/status.js", await enumModule("firmware/status.ts"));
writeFileSync("firmware/dist/motekey.min.js", await bundleMinified());
writeFileSync("firmware/dist/motekey-all.min.js", await bundleMinified({ isWhole: true }));
await bundleSeal();

compile("firmware/adapters/moddable/types.json");
await buildModdable();

compile("firmware/espruino");
const espruino = await bundleLean();
mkdirSync("dist/espruino", { recursive: true });
writeFileSync("dist/espruino/motekey.js", espruino);
writeFileSync("dist/espruino/motekey-messages.js", await bundleLean({ entry: MESSAGES_ENTRY }));

// What a package has beside its own files.
cpSync("dist/espruino", "firmware/dist/espruino", { recursive: true });
writeFileSync("firmware/dist/espruino/package.json", '{ "type": "commonjs" }\n'); // as Espruino's require takes them
for (const folder of ["firmware", "host-sim", "host-sim/service", "tools"])
  copyFileSync("LICENSE", `${folder}/LICENSE`);

compile("host-sim");
await bundleHostSim();

await bundleTools();

for (const file of ["firmware/dist/motekey.min.js", "firmware/dist/moddable.js", "host-sim/dist/index.js"]) {
  console.log(`${file}  ${(statSync(file).size / 1024).toFixed(1)} KiB`);
}
const espruinoBytes = Buffer.byteLength(espruino);
console.log(
  `dist/espruino/motekey.js  ${espruinoBytes} bytes, ${gzipSync(espruino, { level: 9 }).length} gzipped`,
);
