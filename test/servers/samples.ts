import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { ROOT } from "../tidy/repository.js";

/** A sample's text as it ships, with what only a real installation can have put in its place. */
export function sample(path: string, replaced: readonly (readonly [from: string, to: string])[]): string {
  let text = readFileSync(join(ROOT, "host-sim/samples", path), "utf8");
  for (const [from, to] of replaced) {
    if (!text.includes(from)) throw new Error(`The sample ${path} has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Writes files into a folder, readable for their owner only. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, basename(name)), text, { mode: 0o600 });
  }
}
