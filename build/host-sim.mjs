// motekey-host-sim as it is packed: modules for Node and their types. The firmware is a package beside it (a peer), so
// that an app, its tests and the simulated device share one copy.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { leanText } from "./lean.mjs";

const TYPES = "host-sim/dist/types";
/** A path to one of the firmware's entry points, from a source or a type declaration. */
const ENTRY = /^(?:\.\.\/)+firmware\/(\w+)\.js$/;
const IMPORTED = /(?<=(?:from|import\()\s*)"(\.[^"]+)"/g;

/** The package's name of a firmware entry point. */
const packageOf = (path) => {
  const [, name] = ENTRY.exec(path) ?? [];
  if (name === undefined) throw new Error(`${path} is no entry point of the package motekey`);
  return name === "index" ? "motekey" : `motekey/${name}`;
};

/** For esbuild: the firmware stays a package of its own. */
const firmwareIsAPackage = {
  name: "firmware",
  setup({ onResolve }) {
    onResolve({ filter: ENTRY }, ({ path }) => ({ path: packageOf(path), external: true }));
  },
};

/** Writes `host-sim/dist`, whose types the compiler has put into `dist/types` with those of the firmware. */
export async function bundleHostSim() {
  await build({
    absWorkingDir: process.cwd(), // esbuild's own is where Node began
    entryPoints: ["host-sim/index.ts", "host-sim/story/main.ts"],
    outdir: "host-sim/dist",
    plugins: [firmwareIsAPackage, leanText],
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
  });
  const reached = new Map();
  nameTheFirmware(join(TYPES, "host-sim/index.d.ts"), reached);
  for (const file of readdirSync(TYPES, { recursive: true }).map((name) => join(TYPES, name)))
    if (file.endsWith(".d.ts") && !reached.has(file)) rmSync(file);
  for (const [file, text] of reached) writeFileSync(file, text);
}

/** A declaration and all that it imports, with the package's names in the place of paths into the firmware. */
function nameTheFirmware(file, reached) {
  if (reached.has(file)) return;
  reached.set(file, "");
  const text = readFileSync(file, "utf8").replace(IMPORTED, (quoted, path) => {
    if (path.includes("/firmware/")) return `"${packageOf(path)}"`;
    const next = join(dirname(file), path.replace(/\.js$/, ".d.ts"));
    if (!existsSync(next)) throw new Error(`${file} imports ${path}, which has no types`);
    nameTheFirmware(next, reached);
    return quoted;
  });
  reached.set(file, text);
}
