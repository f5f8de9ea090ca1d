// The command line as modules for Node: an entry that loads quickly, and a piece per command that is loaded when it runs.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { licensesOf } from "./licenses.mjs";

const HERE = fileURLToPath(import.meta.url);
const TOOLS = join(dirname(HERE), "../tools");
/** What says which packages there are: their files are many. */
const LOCK = join(TOOLS, "../package-lock.json");
const CACHE = join(TOOLS, ".cache");
const SWEEP_AFTER_MS = 60 * 60 * 1000;
const STAMP = join(CACHE, "inputs.json");

/** Packed, the mock cloud, the service and the firmware are packages of their own; in the repository they come along. */
const theOthersArePackages = {
  name: "packages",
  setup({ onResolve }) {
    onResolve({ filter: /\/host-sim\/index\.js$/ }, () => ({ path: "motekey-host-sim", external: true }));
    onResolve({ filter: /\/host-sim\/service\/index\.js$/ }, () => ({
      path: "motekey-service",
      external: true,
    }));
    onResolve({ filter: /\/firmware\/index\.js$/ }, () => ({ path: "motekey", external: true }));
    onResolve({ filter: /\/firmware\/seal\.js$/ }, () => ({ path: "motekey/seal", external: true }));
  },
};

/**
 * Packages that are read whole from the bundle: to find each one's files takes longer than most commands. The others
 * have files of their own beside them (a library of the system's, a script), or are seldom needed.
 */
const INLINED = [
  "@clack/prompts",
  "cli-table3",
  "commander",
  "env-paths",
  "jose",
  "openid-client",
  "picocolors",
  "proper-lockfile",
  "valibot",
  "write-file-atomic",
];

const nameOf = (path) =>
  path
    .split("/")
    .slice(0, path.startsWith("@") ? 2 : 1)
    .join("/");

const inlined = {
  name: "inlined",
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
      const isOurs = importer.startsWith(`${TOOLS}/`);
      const isTheirs = kind === "entry-point" || importer.includes("/node_modules/");
      return isTheirs || (isOurs && INLINED.includes(nameOf(path))) ? undefined : { path, external: true };
    });
  },
};

/** The bench's page, and what stands in for Node's modules there. */
const PAGE = join(TOOLS, "device/serve/page/main.ts");
const BROWSER = {
  "node:crypto": join(TOOLS, "device/serve/page/shims/crypto.ts"),
  "node:stream/web": join(TOOLS, "device/serve/page/shims/streams.ts"),
  "node:zlib": join(TOOLS, "device/serve/page/shims/zlib.ts"),
};

/** What CommonJS of the inlined packages finds. */
const COMMON_JS =
  "const require = (name) => process.getBuiltinModule(name), __filename = import.meta.filename;";

async function bundle({ packed }) {
  const { build } = await import("esbuild");
  const outdir = packed ? join(TOOLS, "dist") : CACHE;
  const plugins = packed ? [theOthersArePackages, inlined] : [inlined];
  const common = { outdir, plugins, bundle: true, write: false, metafile: true, absWorkingDir: TOOLS };
  const target = { platform: "node", target: "node20", minifyWhitespace: true, minifySyntax: true };
  const how = { ...common, ...target, legalComments: "none", logLevel: "warning" };
  const commands = await build({
    ...how,
    entryPoints: [join(TOOLS, "main.ts")],
    entryNames: "[name]",
    splitting: true,
    format: "esm",
    banner: { js: COMMON_JS },
  });
  const asker = await build({
    ...how,
    entryPoints: [join(TOOLS, "store/keychain-process.ts")],
    entryNames: "[name]",
    outExtension: { ".js": ".cjs" },
    format: "cjs",
  });
  const page = await build({
    ...common,
    plugins: [],
    entryPoints: [{ in: PAGE, out: "bench-page" }],
    alias: BROWSER,
    inject: [join(TOOLS, "device/serve/page/shims/buffer.ts")],
    platform: "browser",
    target: "chrome110",
    format: "esm",
    minify: true,
    legalComments: "none",
    logLevel: "warning",
  });
  const bundles = [commands, asker, page];
  const merged = (name) => Object.assign({}, ...bundles.map(({ metafile }) => metafile[name]));
  return {
    outputFiles: bundles.flatMap(({ outputFiles }) => outputFiles),
    metafile: { inputs: merged("inputs"), outputs: merged("outputs") },
  };
}

/** What the package ships, in tools/dist. */
export async function bundleTools() {
  const { outputFiles, metafile } = await bundle({ packed: true });
  rmSync(join(TOOLS, "dist"), { recursive: true, force: true });
  mkdirSync(join(TOOLS, "dist"));
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
  writeFileSync(join(TOOLS, "dist/LICENSES.txt"), licensesOf(TOOLS, Object.keys(metafile.inputs)));
}

/** What Node reads for these sources before any of them runs: sources, packages, Node's modules, and bytes. */
export async function loadedFor(entries) {
  const { outputs } = (await bundle({ packed: true })).metafile;
  const found = { sources: new Set(), packages: new Set(), builtins: new Set(), bytes: 0 };
  const files = new Set();
  const read = (file) => {
    if (files.has(file)) return;
    files.add(file);
    found.bytes += outputs[file].bytes;
    for (const source of Object.keys(outputs[file].inputs)) found.sources.add(source);
    for (const { path, kind, external } of outputs[file].imports) {
      if (kind === "dynamic-import") continue;
      if (!external) read(path);
      else found[path.startsWith("node:") ? "builtins" : "packages"].add(path);
    }
  };
  for (const entry of entries) {
    const file = Object.keys(outputs).find((name) => outputs[name].entryPoint === entry);
    if (file === undefined) throw new Error(`${entry} is no file of its own in the bundle`);
    read(file);
  }
  const { sources, packages, builtins, bytes } = found;
  return { sources: [...sources], packages: [...packages].sort(), builtins: [...builtins].sort(), bytes };
}

/** The repository's own bundle. Several processes may do this at once: the entry is put in place last. */
export async function bundleToolsWhenChanged() {
  if (isFresh()) return;
  const startedAtMs = Date.now();
  const { outputFiles, metafile } = await bundle({ packed: false });
  mkdirSync(CACHE, { recursive: true });
  const ours = Object.keys(metafile.inputs).filter((path) => !path.includes("node_modules/"));
  // From the folder of the tools: a checkout that was moved or copied reads its own.
  const inputs = [...ours, ...[HERE, LOCK].map((path) => relative(TOOLS, path))];
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
    return inputs.every((path) => statSync(join(TOOLS, path)).mtimeMs < startedAtMs);
  } catch {
    return false;
  }
}
