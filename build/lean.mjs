// The core for Espruino, firmware/espruino: one minified file for require("motekey"). Source is RAM there: what is
// shared with the other core (statuses, limits, policy) is inlined, and names that no app meets are shortened.
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import ts from "typescript";
import { withNumbers } from "./numbers.mjs";
import { withGroups } from "./on-demand.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const CORE = join(ROOT, "firmware/espruino");
const entryOf = (path) => relative("espruino", path);

/** What an app has, and where from. The state comes first: the engine searches the module's names one by one. */
const ENTRY = `
import "./${entryOf("espruino/state.ts")}";
import { Auth } from "./${entryOf("espruino/auth.ts")}";
import { writeCredential } from "./${entryOf("espruino/credential.ts")}";
exports.createAuth = (options) => new Auth(options);
exports.writeCredential = (fields) => writeCredential(fields);
`;

/** The app's own messages: a second file, for require("motekey-messages"), that the first does not need. */
export const MESSAGES_ENTRY = `
import { Messages } from "./${entryOf("espruino/messages.ts")}";
exports.Messages = Messages;
`;

/** A module of the other core, evaluated: a table that is made of it is right by construction. */
async function load(path) {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, "firmware", path)],
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "silent",
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

/** The parts of a proof's name that this core spells, or refuses by the policy: it has no other. */
const SPELT = ["counter", "password", "mac", "key", "link", "auth5"];

/**
 * `,proof:rank,status` for each proof, over a link that does not verify the server. A proof has the rank of the floors
 * that it passes.
 */
async function levels() {
  const { judge } = await load("policy.ts");
  const { PROOFS } = await load("proof/proofs.ts");
  const { Status } = await load("status.ts");
  const { LinkSecurity } = await load("ports.ts");
  const level = (proof) => {
    const passes = (floor) =>
      judge(proof, LinkSecurity.PSK_TLS, true, true, { proof: floor }) !== Status.PROOF_BELOW_FLOOR;
    const verdict = judge(proof, LinkSecurity.UNVERIFIED_TLS, false, false, {});
    if (verdict !== judge(proof, LinkSecurity.PLAIN, false, false, {}))
      throw new Error(
        `the policy distinguishes ${proof} over TLS from ${proof} without: the core has one text for both`,
      );
    const isSpelt = proof.split("+").every((part) => SPELT.includes(part));
    return `,${proof}:${PROOFS.filter(passes).length},${isSpelt ? verdict : Status.PROOF_UNFIT}`;
  };
  return PROOFS.map(level).join("");
}

/** The names of members in a source file. */
function membersOf(source) {
  const names = new Set();
  const visit = (node) => {
    const isMember =
      ts.isPropertyDeclaration(node) ||
      ts.isPropertySignature(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isMethodSignature(node) ||
      ts.isAccessor(node);
    if (isMember && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true));
  return names;
}

/** Whose names apps and the engine meet. */
const SEEN = ["api.ts", "engine.d.ts"];

/** Names that no app and no engine meets. */
async function privateNames(files) {
  const read = async (names) =>
    Promise.all(names.map((name) => readFile(join(ROOT, "firmware", name), "utf8")));
  const kept = new Set();
  const seen = await read([
    "espruino/api.ts",
    "espruino/engine.d.ts",
    "lib/shared.d.ts",
    "config.ts",
    "policy.ts",
    "limits.ts",
  ]);
  for (const source of seen) for (const name of membersOf(source)) kept.add(name);
  const names = new Set();
  for (const source of await read(files)) for (const name of membersOf(source)) names.add(name);
  return [...names].filter((name) => !kept.has(name));
}

/** A word of the language there, which the minifier would take for a variable: a global of that name is left alone. */
const RESERVED = "if (0) of;";

const ENGINE_MODULES = ["net", "tls", "crypto", "Storage"];
/** What the engine's language has beyond ES2015. */
const LANGUAGE = { target: "es2015", supported: { "nullish-coalescing": true } };

/** What is made when it is needed, by the files that have it: see `withGroups`. */
const files = (...names) => names.map((name) => `firmware/espruino/${name}.ts`);
const GROUPS = {
  beginning: files("options", "credential"),
  asking: files("asking"),
  deriving: files("keys"),
  connecting: files("link", "greeting", "loss", "recovery"),
  turning: files("turns", "kept", "calls"),
  receiving: files("receive"),
  reading: files("json"),
  ending: files("ending"),
  keeping: files("ledger", "records"),
};

/** Returns the source text. */
export async function bundleLean({ entry = ENTRY, minify = true } = {}) {
  const { DEFAULT_LIMITS } = await load("limits.ts");
  const LEVELS = await levels();
  const sources = (await readdir(CORE))
    .filter((name) => !SEEN.includes(name) && name.endsWith(".ts"))
    .map((name) => `espruino/${name}`);
  const names = minify ? await privateNames(sources) : [];
  const inlined = {
    name: "inlined",
    setup({ onLoad, onResolve, resolve }) {
      onLoad({ filter: /firmware\/espruino\/levels\.ts$/ }, () => ({
        contents: `export const LEVELS = ${JSON.stringify(LEVELS)};`,
      }));
      onLoad({ filter: /firmware\/espruino\/.*\.ts$/ }, async ({ path }) => ({
        contents: withNumbers(await readFile(path, "utf8")).replace(
          /DEFAULT_LIMITS\.(\w+)/g,
          (_, name) => DEFAULT_LIMITS[name],
        ),
        loader: "ts",
      }));
      // Only constants come from the other core. Here the order of imports counts, whatever package.json says.
      onResolve({ filter: /^\.\.?\// }, async ({ path, resolveDir, pluginData }) => {
        if (pluginData === "inner") return undefined;
        const found = await resolve(path.replace(/\.js$/, ".ts"), {
          resolveDir,
          kind: "import-statement",
          pluginData: "inner",
        });
        return { ...found, sideEffects: path.startsWith("./") };
      });
    },
  };
  const bundled = await build({
    stdin: { contents: `${entry}\n${RESERVED}`, resolveDir: CORE },
    bundle: true,
    write: false,
    charset: "ascii",
    format: "cjs",
    platform: "neutral",
    plugins: [inlined],
    external: ENGINE_MODULES,
    absWorkingDir: ROOT,
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } }, // as in tsconfig.json
    ...LANGUAGE,
  });
  const grouped = withGroups(bundled.outputFiles[0].text, GROUPS);
  const minified = await build({
    stdin: { contents: grouped },
    bundle: true,
    write: false,
    minify,
    charset: "ascii",
    format: "cjs",
    platform: "neutral",
    external: ENGINE_MODULES,
    ...LANGUAGE,
    ...(names.length > 0 ? { mangleProps: new RegExp(`^(${names.join("|")})$`) } : {}),
  });
  // A bare return at the very end of a function: Espruino reads on and meets the end of its input.
  return minified.outputFiles[0].text.replaceAll("return}", "return;}");
}

/** An esbuild plugin: the text in the place of what makes it, for packages. */
export const leanText = {
  name: "lean-text",
  setup({ onLoad }) {
    onLoad({ filter: /host-sim\/espruino\/source\.ts$/ }, async () => ({
      contents: `const source = ${JSON.stringify(await bundleLean())};\nexport const leanSource = () => source;`,
    }));
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(await bundleLean());
