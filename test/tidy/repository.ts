import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type SourceText, sourceText } from "./rule.js";

/** The repository's root, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The paths of all files that are there and that git has, or would take with `git add .`; sorted. */
export function ourPaths(): string[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return listed
    .split("\0")
    .filter((path) => path !== "" && existsSync(ROOT + path))
    .sort();
}

/** Reads a file of the repository. */
export function readSource(path: string): SourceText {
  return sourceText(path, readFileSync(ROOT + path, "utf8"));
}

/** True for code that we write: TypeScript and plain modules, not declarations of the library. */
export function isCode(path: string): boolean {
  return /^(firmware|host-sim|tools|test|site)\/.*\.(ts|mjs|cjs)$/.test(path) && !path.endsWith(".d.ts");
}

/** True for an app that shows how the firmware is used: it may do what apps on its engine do. */
export function isExample(path: string): boolean {
  return path.startsWith("firmware/examples/");
}

/** True for what belongs to one engine: its adapter, and the core that is written for Espruino. */
export function isEngines(path: string): boolean {
  return /^firmware\/(adapters|espruino)\//.test(path);
}

/** True for all of the firmware's code. */
export function isFirmware(path: string): boolean {
  return path.startsWith("firmware/") && isCode(path) && !isExample(path);
}

/**
 * True for the firmware that all three engines run. Not so the adapters, each of which belongs to one engine,
 * nor the recorder of traces, which a developer adds and Espruino does not load.
 */
export function isCore(path: string): boolean {
  return isFirmware(path) && !isEngines(path) && !/^firmware\/trace(\/|\.ts$)/.test(path);
}

interface PackageJson {
  name?: string;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** The package.json of a folder (`""` for the root's). */
export function packageJson(folder: string): PackageJson {
  return JSON.parse(readFileSync(`${ROOT}${folder === "" ? "" : `${folder}/`}package.json`, "utf8"));
}

/** The packages of a lock file that npm would install unverified, or from an address that the lock file names. */
export function unpinnedPackages(lockFile: string): string[] {
  const { packages } = JSON.parse(lockFile) as { packages: Record<string, LockedPackage> };
  return Object.entries(packages)
    .filter(([path, entry]) => path.includes("node_modules/") && entry.version !== undefined && !entry.link)
    .filter(([, entry]) => entry.integrity === undefined || entry.resolved !== undefined)
    .map(([path]) => path);
}

interface LockedPackage {
  version?: string;
  integrity?: string;
  resolved?: string;
  link?: boolean;
}

/** The packages that whoever installs this workspace gets. */
export function installedWith(folder: string): string[] {
  const { dependencies, peerDependencies, optionalDependencies } = packageJson(folder);
  return Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies });
}
