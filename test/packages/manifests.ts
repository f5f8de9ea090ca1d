import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The modules of a manifest and of those that it includes, by the names that apps import. */
export function collectModules(manifest: string, into: Map<string, string>): void {
  const {
    include = [],
    modules = {},
    platforms = {},
  } = JSON.parse(readFileSync(manifest, "utf8")) as {
    include?: string | string[];
    modules?: Record<string, string | string[]>;
    platforms?: { esp32?: { modules?: Record<string, string | string[]> } };
  };
  for (const other of [include].flat())
    if (!other.startsWith("$")) collectModules(join(dirname(manifest), other), into);
  for (const [name, paths] of Object.entries({ ...modules, ...platforms.esp32?.modules }))
    for (const path of [paths].flat()) {
      if (path.startsWith("$")) continue;
      const file = join(dirname(manifest), path);
      if (name.includes("*") || path.includes("*")) {
        for (const entry of readdirSync(dirname(file)).filter((one) => one.endsWith(".js")))
          into.set(name.replace("*", basename(entry, ".js")), join(dirname(file), entry));
      } else into.set(name, existsSync(`${file}.js`) ? `${file}.js` : file);
    }
}
