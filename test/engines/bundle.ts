import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { replacingNative } from "../../build/moddable.mjs";

/** Names modules as an app on Moddable does. */
const MODDABLE = fileURLToPath(new URL("../../firmware/adapters/moddable/tsconfig.json", import.meta.url));

/** Syntax that Espruino lacks. What esbuild cannot lower to ES2015 without it is refused, with file and line. */
export const MISSING_SYNTAX: Record<string, boolean> = {
  "array-spread": false,
  "async-await": false,
  "async-generator": false,
  bigint: false,
  "class-field": false,
  "class-private-accessor": false,
  "class-private-field": false,
  "class-private-method": false,
  "class-static-blocks": false,
  "class-static-field": false,
  "default-argument": false,
  destructuring: false,
  "dynamic-import": false,
  "exponent-operator": false,
  "for-of": false,
  generator: false,
  "logical-assignment": false,
  "new-target": false,
  "nullish-coalescing": false,
  "object-rest-spread": false,
  "optional-chain": false,
  "rest-argument": false,
};

/**
 * Bundles a module with all it imports into one script, as the device gets it.
 *
 * @param entry path of the TypeScript file
 * @param globalName global variable that will hold the module's exports
 * @param heart "native": the C of `firmware/native` in the place of what it does; "both": for XS alone, which may
 *   import the one beside the other
 * @throws when the sources use syntax that one of the engines lacks
 */
export async function bundle(
  entry: string,
  globalName: string,
  heart: "typescript" | "native" | "both" = "typescript",
): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "iife",
    globalName,
    footer: { js: `globalThis.${globalName} = ${globalName};` }, // strict code evaluated has its own variables
    ...(heart === "both" ? { target: "es2022" } : { target: "es2015", supported: MISSING_SYNTAX }),
    tsconfig: MODDABLE,
    plugins: heart === "native" ? [replacingNative] : [],
    logLevel: "silent",
  });
  return result.outputFiles[0].text;
}
