// motekey-host-sim and motekey-service as they are packed: modules for Node and their types. The firmware is a package beside it (a peer), so
// that an app, its tests and the simulated device share one copy.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "esbuild";
import { leanText } from "./lean.mjs";
import { licensesOf } from "./licenses.mjs";

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

/**
 * The broker and what it stands on are in the bundle, by real timers: a test that fakes setImmediate, as vitest and
 * sinon do by default, has a broker all the same.
 */
const INLINED = ["aedes", "mqtt-packet", "ws"];

const inlined = {
  name: "inlined",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
      const isTheirs = kind === "entry-point" || importer.includes("/node_modules/");
      return isTheirs || INLINED.includes(path) ? undefined : { path, external: true };
    });
  },
};

/** What CommonJS of the inlined packages finds. */
const COMMON_JS =
  'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);';

/** For esbuild: the firmware stays a package of its own. */
const firmwareIsAPackage = {
  name: "firmware",
  setup({ onResolve }) {
    onResolve({ filter: ENTRY }, ({ path }) => ({ path: packageOf(path), external: true }));
  },
};

/** The packages of `host-sim/`: where each lies, and its entry points. */
const PACKAGES = {
  "host-sim": ["index.ts", "story/main.ts"],
  "host-sim/service": ["index.ts", "verify.ts"],
};

/** Writes each package's `dist`. The compiler has put the types of all into `dist/types`, with those of the firmware. */
export async function bundleHostSim() {
  const types = new Map();
  for (const [folder, entries] of Object.entries(PACKAGES)) {
    const { metafile } = await build({
      absWorkingDir: process.cwd(), // esbuild's own is where Node began
      entryPoints: entries.map((entry) => `${folder}/${entry}`),
      outdir: `${folder}/dist`,
      plugins: [firmwareIsAPackage, leanText, inlined],
      inject: ["build/real-timers.mjs"],
      define: { "process.nextTick": "realNextTick" },
      banner: { js: COMMON_JS },
      bundle: true,
      metafile: true,
      splitting: true,
      platform: "node",
      format: "esm",
      target: "node20",
    });
    writeFileSync(`${folder}/dist/LICENSES.txt`, licensesOf(".", Object.keys(metafile.inputs)));
    const reached = new Map();
    for (const entry of entries)
      nameTheFirmware(join(TYPES, folder, entry.replace(/\.ts$/, ".d.ts")), reached);
    types.set(`${folder}/dist/types`, reached);
  }
  rmSync(TYPES, { recursive: true });
  for (const [to, reached] of types)
    for (const [file, text] of reached) {
      const path = join(to, relative(TYPES, file));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
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
