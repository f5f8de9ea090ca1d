// The firmware for Espruino: one minified file for require("motekey"). Source is RAM there, so property names
// that no app meets are shortened too.
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { privateNames } from "./mangle.mjs";
import { numbers } from "./numbers.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const FIRMWARE = join(ROOT, "firmware");

/** What stands in the place of the shared source on this engine; the replacement itself sees the original. */
const REPLACED = {
  "wire/copy": "firmware/adapters/espruino/copy.ts",
  "wire/decimal": "firmware/adapters/espruino/decimal.ts",
  "wire/run": "firmware/adapters/espruino/run.ts",
  "wire/whole": "firmware/adapters/espruino/whole.ts",
  "proof/sha256": "firmware/adapters/espruino/sha256.ts",
  "proof/hmac": "firmware/adapters/espruino/hmac.ts",
};
const ADAPTER = join(ROOT, "firmware/adapters/espruino");

/** The names of statuses as one text inside a function: from flash it takes no RAM, the enum's table 260 variables. */
async function sentences() {
  const { outputFiles } = await build({
    entryPoints: [join(FIRMWARE, "status.ts")],
    format: "esm",
    write: false,
  });
  const { Status } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
  const names = Object.values(Status).filter((name) => typeof name === "string");
  const text = names.map((name) => `,${Status[name]}=${name}`).join("");
  return `
    export { sentenceOf } from "../../sentences.js";
    export const nameOf = (status) => {
      const text = "${text},";
      const key = "," + status + "=";
      const from = text.indexOf(key) + key.length;
      return text.substring(from, text.indexOf(",", from));
    };`;
}

const replacing = {
  name: "espruino",
  setup({ onResolve, onLoad }) {
    onLoad({ filter: /./, namespace: "sentences" }, async () => ({
      contents: await sentences(),
      resolveDir: ADAPTER,
    }));
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const target = relative(FIRMWARE, join(resolveDir, path)).replace(/\.js$/, "");
      if (target === "sentences" && resolveDir !== ADAPTER) return { path: target, namespace: "sentences" };
      const replacement = resolveDir === ADAPTER ? undefined : REPLACED[target];
      return replacement === undefined ? undefined : { path: join(ROOT, replacement) };
    });
  },
};

/**
 * Globals that are used all the time. The engine looks through all names of the module, one by one, before it
 * takes a name for a global; an alias at the very top is found at once.
 */
const NEAR = { $B: "Uint8Array", $E: "E", $I: "Infinity", $M: "Math" };

const ENTRY = `
import { createAuth, writeCredential } from "./firmware/index.js";
import { espruinoPorts } from "./firmware/adapters/espruino/index.js";
exports.createAuth = createAuth;
exports.espruinoPorts = espruinoPorts;
exports.writeCredential = writeCredential;
`;

/** The same with the app's own messages. */
export const MESSAGES_ENTRY = `${ENTRY}
import { Messages } from "./firmware/messages.js";
exports.Messages = Messages;
`;

/** A word of the language there, which the minifier would take for a variable: a global of that name is left alone. */
const RESERVED = "if (0) of;";

/** Returns the source text. */
export async function bundleEspruino({ mangle = true, minify = true, entry = ENTRY, native = true } = {}) {
  const names = mangle ? privateNames(entry === MESSAGES_ENTRY ? ["messages.ts"] : []) : [];
  const result = await build({
    stdin: { contents: `${entry}\n${RESERVED}`, resolveDir: ROOT },
    bundle: true,
    write: false,
    minify,
    define: Object.fromEntries(Object.entries(NEAR).map(([alias, name]) => [name, alias])),
    banner: {
      js: `const ${Object.entries(NEAR)
        .map((pair) => pair.join("="))
        .join()};`,
    },
    charset: "utf8", // there is no \u{…}
    format: "cjs",
    platform: "neutral",
    plugins: native ? [numbers, replacing] : [numbers],
    external: ["net", "tls", "crypto", "Storage"],
    target: "es2015",
    ...(mangle ? { mangleProps: new RegExp(`^(${names.join("|")})$`) } : {}),
  });
  // A bare return at the very end of a function: Espruino reads on and meets the end of its input.
  return result.outputFiles[0].text.replaceAll("return}", "return;}");
}
