// Builds the XS engine that the tests use, once. It has a package.json of its own so that `npm install` at the
// root needs no C compiler; `npm test` calls this file.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PLATFORMS = { linux: "lin", darwin: "mac" };

/** The engine's program, whether it is built or not. */
export const XS_WORKER = `${HERE}node_modules/@agoric/xsnap/xsnap-native/xsnap/build/bin/${
  PLATFORMS[process.platform] ?? "unknown"
}/release/xsnap-worker`;

/** What keeps us from building it here, or null. */
function buildObstacle() {
  if (!(process.platform in PLATFORMS)) return `the XS engine cannot be built on ${process.platform}`;
  const absent = ["cc", "make"].filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
  if (absent.length === 0) return null;
  return `the XS engine is not built: ${absent.join(" and ")} not found; install a C compiler and make, then run npm test`;
}

/**
 * Why there is no XS engine, and what to do about it.
 *
 * @returns {string | null} null when it is built
 */
export function xsMissing() {
  if (existsSync(XS_WORKER)) return null;
  return buildObstacle() ?? "the XS engine is not built: run npm test, or node test/engines/install.mjs";
}

/**
 * Installs and builds the engine unless that is done or cannot be done here.
 *
 * @returns {string | null} what is missing, as {@link xsMissing} says it
 */
export function installEngines() {
  if (existsSync(XS_WORKER)) return null;
  const obstacle = buildObstacle();
  if (obstacle !== null) return obstacle;
  console.log("Building the XS engine for the tests (once, about half a minute)");
  const npm = spawnSync("npm", ["ci", "--loglevel=error"], { cwd: HERE, encoding: "utf8" });
  if (existsSync(XS_WORKER)) return null;
  return `the XS engine did not build: ${tail(npm.stderr || String(npm.error ?? ""))}`;
}

function tail(text) {
  return text.trim().split("\n").slice(-12).join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = installEngines();
  console.log(missing ?? `XS is built: ${XS_WORKER}`);
  process.exitCode = missing === null ? 0 : 1;
}
