/** Programs of the tests as plain JavaScript: a process of theirs starts without a loader. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const programs = new Map<string, Promise<string>>();

/**
 * Bundles programs into one folder, where they find each other.
 *
 * @param paths of TypeScript files, from the root
 * @returns the folder, inside the repository, since they import from its node_modules; it is removed at the end
 */
export async function compile(paths: readonly string[]): Promise<string> {
  mkdirSync(`${ROOT}.cache`, { recursive: true });
  const folder = mkdtempSync(`${ROOT}.cache/programs-`);
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  await build({
    entryPoints: paths.map((path) => ROOT + path),
    entryNames: "[name]",
    outdir: folder,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "silent",
  });
  return folder;
}

/**
 * Bundles a program, once in this process.
 *
 * @param path of a TypeScript file, from the root
 * @param beside programs that it starts by their place beside it
 * @returns the path of what `node` runs
 */
export function compiled(path: string, ...beside: string[]): Promise<string> {
  let program = programs.get(path);
  if (program === undefined) {
    program = compile([path, ...beside]).then((folder) => `${folder}/${basename(path, ".ts")}.js`);
    programs.set(path, program);
  }
  return program;
}
