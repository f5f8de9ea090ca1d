import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The licenses of the packages inside a bundle, which copies of them must have.
 * @param root where the inputs' paths begin
 */
export function licensesOf(root, inputs) {
  const folders = inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  const unique = [...new Set(folders.filter((folder) => folder !== undefined))].sort();
  const texts = unique.map((path) => {
    const folder = join(root, path);
    const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} ${version} has no file of its license`);
    return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
