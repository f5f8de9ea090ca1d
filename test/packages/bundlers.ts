/** What bundlers make of an app's module: esbuild, Rollup and webpack. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build, transform } from "esbuild";

/** The packages that a project installs for {@link BUNDLERS}. */
export const BUNDLER_PACKAGES = ["rollup", "@rollup/plugin-node-resolve", "webpack"];

/** What stays a package of its own, as an app's server or test bench does. */
const EXTERNAL = ["motekey-host-sim", "motekey-service", "motekey-service/verify"];
const isExternal = (name: string): boolean => name.startsWith("node:") || EXTERNAL.includes(name);

/** Bundles `folder/entry`, with the packages that `folder` has installed. Resolves with minified ESM. */
export type Bundler = (folder: string, entry: string) => Promise<string>;

interface Rollup {
  rollup(options: object): Promise<{ generate(options: object): Promise<{ output: [{ code: string }] }> }>;
}
type Webpack = (
  options: object,
  done: (failure: Error | null, stats?: { hasErrors(): boolean }) => void,
) => void;

/** A package of the project's: these tests do not depend on it. */
const load = async <T>(folder: string, name: string): Promise<T> =>
  (await import(createRequire(join(folder, "package.json")).resolve(name))) as T;

const minified = async (code: string): Promise<string> =>
  (await transform(code, { minify: true, format: "esm" })).code;

export const BUNDLERS: Readonly<Record<string, Bundler>> = {
  esbuild: async (folder, entry) => {
    const { outputFiles } = await build({
      entryPoints: [join(folder, entry)],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      target: "node20",
      external: EXTERNAL,
      write: false,
    });
    return outputFiles[0]?.text ?? "";
  },
  rollup: async (folder, entry) => {
    const { rollup } = await load<Rollup>(folder, "rollup");
    const { default: resolve } = await load<{ default: () => object }>(folder, "@rollup/plugin-node-resolve");
    const made = await rollup({
      input: join(folder, entry),
      external: isExternal,
      plugins: [resolve()],
      onwarn: ({ message }: Error) => {
        throw new Error(message);
      },
    });
    return minified((await made.generate({ format: "es" })).output[0].code);
  },
  webpack: async (folder, entry) => {
    const { default: webpack } = await load<{ default: Webpack }>(folder, "webpack");
    const at = join(folder, "webpack");
    await new Promise<void>((done, reject) =>
      webpack(
        {
          mode: "production",
          context: folder,
          entry: join(folder, entry),
          target: "node20",
          output: { path: at, filename: `${entry}.mjs`, module: true, chunkFormat: "module" },
          experiments: { outputModule: true },
          externalsType: "module",
          externals: ({ request = "" }: { request?: string }, then: (no?: null, name?: string) => void) =>
            isExternal(request) ? then(null, request) : then(),
        },
        (failure, stats) => {
          if (failure === null && stats?.hasErrors() === false) done();
          else reject(failure ?? new Error(String(stats)));
        },
      ),
    );
    return readFile(join(at, `${entry}.mjs`), "utf8");
  },
};

/** One module that does what several do, one after the other. @param modules whose imports are all by name */
export function asOneModule(modules: readonly string[]): string {
  const names = new Map<string, Set<string>>();
  const bodies = modules.map((text) =>
    text.replace(/^import \{([^}]*)\} from "([^"]+)";$/gm, (_, list: string, from: string) => {
      const known = names.get(from) ?? new Set();
      for (const name of list.split(",")) if (name.trim() !== "") known.add(name.trim());
      names.set(from, known);
      return "";
    }),
  );
  const imports = [...names].map(([from, known]) => `import { ${[...known].join(", ")} } from "${from}";`);
  return [...imports, ...bodies.map((body) => `{\n${body}\n}`)].join("\n");
}
