import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rename, rm, rmdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

/** What the other process runs: PGlite's own start, which makes the files. */
const SCRIPT = `
const [pglite, dataDir, ...params] = process.argv.slice(1);
const { PGlite } = require(pglite);
PGlite.create({ dataDir, startParams: [...PGlite.defaultStartParams, ...params], initDbStartParams: params })
  .then((database) => database.close())
  .catch((failure) => {
    console.error(failure.message);
    process.exitCode = 1;
  });
`;
const REASON_CHARACTERS_MAX = 300;

/**
 * Makes the files of a new database, where there are none: in a process of its own, which takes 740 MB for that, while
 * this one would keep 560 MB of them until its end. They take their place when they are whole.
 * @param params PostgreSQL's own settings
 */
export async function makeDatabase(folder: string, params: readonly string[]): Promise<void> {
  if (existsSync(join(folder, "PG_VERSION"))) return;
  const [parent, name] = [dirname(folder), basename(folder)];
  // PGlite may have left an empty folder in its place. What is in another one is somebody's, perhaps a damaged database.
  await rmdir(folder).catch((failure: NodeJS.ErrnoException) => {
    if (failure.code === "ENOENT") return;
    const what = `The database cannot be made in ${folder}: there is something, and no database (PG_VERSION is missing)`;
    throw new Error(`${what}. Restore it, or move it away`, { cause: failure });
  });
  // Of a start that was cut off; its process, if there still is one, finds nothing to finish.
  for (const other of await readdir(parent))
    if (other.startsWith(`${name}-new-`)) await rm(join(parent, other), { recursive: true, force: true });
  const place = await mkdtemp(join(parent, `${name}-new-`));
  try {
    const pglite = createRequire(import.meta.url).resolve("@electric-sql/pglite");
    const words = ["--input-type=commonjs", "--eval", SCRIPT, "--", pglite, place, ...params];
    const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "pipe"] });
    let reason = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      reason = (reason + text).slice(-REASON_CHARACTERS_MAX);
    });
    const [status, signal] = (await once(child, "close")) as [number | null, string | null];
    if (status !== 0) throw new Error(`The database cannot be made in ${folder}: ${reason.trim() || signal}`);
    await rename(place, folder);
  } catch (failure) {
    await rm(place, { recursive: true, force: true });
    throw failure;
  }
}
