// The command line as modules for Node: an entry that loads quickly, and a piece per command that is loaded when it runs.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const TOOLS = join(dirname(fileURLToPath(import.meta.url)), "../tools");
const CACHE = join(TOOLS, ".cache");
const SWEEP_AFTER_MS = 60 * 60 * 1000;
const STAMP = join(CACHE, "inputs.json");

/** Packed, the mock cloud is a package of its own; in the repository it comes along. */
const hostSimIsAPackage = {
  name: "host-sim",
  setup(build) {
    build.onResolve({ filter: /\/host-sim\/index\.js$/ }, () => ({
      path: "motekey-host-sim",
      external: true,
    }));
  },
};

async function bundle({ packed }) {
  const { build } = await import("esbuild");
  return build({
    entryPoints: [join(TOOLS, "main.ts"), join(TOOLS, "store/keychain-process.ts")],
    entryNames: "[name]",
    outdir: packed ? join(TOOLS, "dist") : CACHE,
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    absWorkingDir: TOOLS,
    logLevel: "warning",
    plugins: packed ? [hostSimIsAPackage] : [],
  });
}

/** What the package ships, in tools/dist. */
export async function bundleTools() {
  const { outputFiles } = await bundle({ packed: true });
  rmSync(join(TOOLS, "dist"), { recursive: true, force: true });
  mkdirSync(join(TOOLS, "dist"));
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
}

/** What Node reads before a command is chosen: sources of ours, packages, and the bytes of the bundle. */
export async function loadedAtStart() {
  const { outputs } = (await bundle({ packed: true })).metafile;
  const [files, sources, packages] = [new Set(), new Set(), new Set()];
  const read = (file) => {
    if (files.has(file)) return;
    files.add(file);
    for (const source of Object.keys(outputs[file].inputs)) sources.add(source);
    for (const { path, kind, external } of outputs[file].imports) {
      if (kind !== "import-statement") continue;
      if (!external) read(path);
      else if (!path.startsWith("node:")) packages.add(path);
    }
  };
  read(Object.keys(outputs).find((file) => basename(file) === "main.js"));
  const bytes = [...files].reduce((sum, file) => sum + outputs[file].bytes, 0);
  return { sources: [...sources], packages: [...packages].sort(), bytes };
}

/** The repository's own bundle. Several processes may do this at once: the entry is put in place last. */
export async function bundleToolsWhenChanged() {
  if (isFresh()) return;
  const startedAtMs = Date.now();
  const { outputFiles, metafile } = await bundle({ packed: false });
  mkdirSync(CACHE, { recursive: true });
  const inputs = Object.keys(metafile.inputs).map((path) => join(TOOLS, path));
  const stamp = { path: STAMP, contents: JSON.stringify({ startedAtMs, inputs }) };
  sweep(outputFiles);
  const isEntry = ({ path }) => basename(path) === "main.js";
  for (const file of [...outputFiles.filter((file) => !isEntry(file)), outputFiles.find(isEntry), stamp]) {
    const temporary = `${file.path}.${process.pid}`;
    writeFileSync(temporary, file.contents);
    renameSync(temporary, file.path);
  }
}

/** Pieces of earlier bundles that nobody can still be loading. */
function sweep(outputFiles) {
  const used = new Set(outputFiles.map(({ path }) => basename(path)));
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name);
    // Another process may have renamed it by now.
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (!used.has(name) && Date.now() - mtimeMs > SWEEP_AFTER_MS) rmSync(path, { force: true });
  }
}

function isFresh() {
  try {
    const { startedAtMs, inputs } = JSON.parse(readFileSync(STAMP, "utf8"));
    return inputs.every((path) => statSync(path).mtimeMs < startedAtMs);
  } catch {
    return false;
  }
}
