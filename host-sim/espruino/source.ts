import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

let source: string | undefined;

/** The core for Espruino, minified, as its board gets it. The package has the text in the place of this file. */
export function leanSource(): string {
  const bundler = fileURLToPath(new URL("../../build/lean.mjs", import.meta.url));
  source ??= execFileSync(process.execPath, [bundler], { encoding: "utf8" });
  return source;
}
