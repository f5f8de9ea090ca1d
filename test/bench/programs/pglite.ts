/** PGlite alone, as it comes: one row updated and one inserted per transaction. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { answer, sampling, task } from "./task.js";

/** How long a sample takes. */
export interface PgliteTask {
  readonly seconds: number;
}

const { seconds } = await task<PgliteTask>();
const folder = mkdtempSync(join(tmpdir(), "motekey-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
process.once("SIGTERM", () => process.exit(0));
const database = await PGlite.create({ dataDir: join(folder, "database") });
await database.exec(
  "CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id bigserial PRIMARY KEY, n int); INSERT INTO a SELECT g, 0 FROM generate_series(1, 32) g",
);
const [, peakKib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
answer({ peakRssBytes: Number(peakKib) * 1024 });
sampling(async () => {
  const startedAtMs = performance.now();
  let count = 0;
  for (; performance.now() - startedAtMs < seconds * 1000; count++)
    await database.transaction(async (queries) => {
      await queries.query("UPDATE a SET n = n + 1 WHERE id = $1", [1 + (count % 32)]);
      await queries.query("INSERT INTO b (n) VALUES ($1)", [count]);
    });
  return (1000 * count) / (performance.now() - startedAtMs);
});
