// The firmware as one minified ES module, for whoever has no bundler: private names shortened, the public ones kept.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { privateNames } from "./mangle.mjs";

const FIRMWARE = join(dirname(fileURLToPath(import.meta.url)), "../firmware");
/** Entry points but `motekey/seal`, whose cipher is a package. Names are shortened alike in all that is in one file. */
const ALL = ["index.ts", "explain.ts", "cbor.ts", "messages.ts", "mqtt5.ts", "rotation.ts", "websocket.ts"];

/**
 * Returns the source text.
 * @param isWhole with all that an app imports by names of its own, such as `motekey/explain`; else `motekey` alone
 */
export async function bundleMinified({ isWhole = false } = {}) {
  const entries = isWhole ? ALL : ALL.slice(0, 1);
  const result = await build({
    stdin: { contents: entries.map((name) => `export * from "./${name}";`).join("\n"), resolveDir: FIRMWARE },
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2015",
    mangleProps: new RegExp(`^(${privateNames(entries).join("|")})$`),
  });
  return result.outputFiles[0].text.replace(ENUM, listed);
}

/** `(e=>(e[e.OK=0]="OK",e[e.BUSY=1]="BUSY",e))`: an enum that is looked at by number, too, with each name twice. */
const ENUM = /\((\w+)=>\(((?:\1\[\1\.\w+=\d+\]="\w+",)+)\1\)\)/g;

/** The same object, made from a list that has each name once, and its number where it does not follow. */
function listed(whole, _name, members) {
  let next = 0;
  const names = [...members.matchAll(/\.(\w+)=(\d+)\]/g)].map(([, name, number]) => {
    const text = Number(number) === next ? name : `${name}=${number}`;
    next = Number(number) + 1;
    return text;
  });
  const short = `(e=>{var i=0;"${names}".split(",").forEach(s=>{s=s.split("=");i=+(s[1]||i);e[e[s[0]]=i++]=s[0]});return e})`;
  return short.length < whole.length ? short : whole;
}
