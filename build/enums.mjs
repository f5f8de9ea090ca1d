// An enum that names its numbers too has each name twice; as a list it has each once.
import { readFileSync } from "node:fs";
import { transform } from "esbuild";

/** `(e=>(e[e.OK=0]="OK",e[e.BUSY=1]="BUSY",e))`, as esbuild minifies it. */
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

/** Minified text with its enums as lists. */
export const withLists = (text) => text.replace(ENUM, listed);

/** A module whose only content is an enum, in JavaScript: no bundler can fold its numbers, so it is short itself. */
export async function enumModule(path) {
  const options = { loader: "ts", format: "esm", target: "es2015", minify: true };
  const { code } = await transform(readFileSync(path, "utf8"), options);
  return withLists(code);
}
