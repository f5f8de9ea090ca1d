/** A batch that is killed again and again, and what must be so at its end. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { recordIn } from "../../tools/device/record.js";
import { Partition } from "../../tools/nvs/partition.js";
import type { Line } from "./line.js";
import { runProcess } from "./process.js";
import { randomOf } from "./random.js";

/** Where a batch is made: a folder with list.csv, and the environment of somebody who may make devices. */
export interface BatchBench {
  readonly folder: string;
  readonly env: Record<string, string>;
  /** The answer of a line that is done. */
  json(line: string): ReturnType<Line["json"]>;
}

/**
 * @param more flags: of a batch with certificates, whose keys cannot be made again
 *
 * Runs `device batch list.csv --out killed` as a process of its own, kills it (SIGKILL) at a random number of files or
 * of bytes of the log, starts it again, and at last lets it end.
 */
export async function killedBatch(
  bench: BatchBench,
  ids: readonly string[],
  { kills, more = "", seed = Date.now() % 2 ** 31 }: { kills: number; more?: string; seed?: number },
): Promise<void> {
  const random = randomOf(seed);
  const where = `seed ${seed}`;
  const run = (kill: (() => boolean) | null) =>
    runProcess(`device batch list.csv --out killed --json ${more}`.trim().split(" "), {
      env: bench.env,
      directory: bench.folder,
      started: (child) => {
        if (kill === null) return;
        const timer = setInterval(() => {
          if (!kill()) return;
          clearInterval(timer);
          child.kill("SIGKILL");
        }, 1);
        child.once("exit", () => clearInterval(timer));
      },
    });
  const files = (): number => listed(bench).filter((name) => /^\.?\w+\.bin/.test(name)).length;
  const logBytes = (): number => sizeOf(join(bench.folder, "killed", "batch.jsonl"));
  const fingerprints = new Map<string, string>();
  let killed = 0;
  for (let kill = 0; kill < kills; kill++) {
    // The first before any device is there; the others in the middle of files, or behind a group's lines.
    const left = ids.length - files();
    const byFiles = files() + Math.ceil(random() * Math.min(left, (2 * ids.length) / kills));
    const byLog = logBytes() + 1;
    const kind = kill === 0 ? 0 : 1 + Math.floor(random() * 2);
    const when = [
      () => listed(bench).includes(more === "" ? "batch.seed" : "batch.jsonl"),
      () => files() >= byFiles,
      () => logBytes() >= byLog,
    ];
    const said = await run(when[kind] as () => boolean);
    if (said.exit === -1) killed++;
    else assert.equal(said.exit, 0, `${where}: ${said.stderr}`);
    // What the cloud knows once it never changes.
    for (const [id, known] of more === "" ? await knownOf(bench) : []) {
      assert.equal(fingerprints.get(id) ?? known, known, `${where}: ${id} has a second key`);
      fingerprints.set(id, known);
    }
  }
  assert.ok(killed > 0, `${where}: no run was killed`);
  const said = await run(null);
  assert.equal(said.exit, 0, `${where}: ${said.stderr}`);
  const answer = JSON.parse(said.stdout);
  assert.deepEqual(
    [answer.made + answer.before, answer.refused, answer.checked],
    [ids.length, 0, ids.length],
    where,
  );
  const lines = readFileSync(join(bench.folder, "killed", "batch.jsonl"), "utf8")
    .trim()
    .split("\n");
  const made = lines.map((text) => JSON.parse(text)).filter(({ did }) => did === "made");
  assert.deepEqual(
    made.map(({ device }) => device),
    ids,
    where,
  );
  const known = await knownOf(bench);
  for (const id of ids) {
    const partition = Partition.read(readFileSync(join(bench.folder, "killed", `${id}.bin`)));
    const record = recordIn(partition.get("motekey", "motekey-creda")?.data ?? new Uint8Array());
    const key = more === "" ? `key ${known.get(id)}` : "no key";
    assert.equal(record?.detail, `${id}, ${key}`, where);
  }
  assert.deepEqual(
    listed(bench).filter((name) => name.startsWith(".") || name === "batch.seed"),
    [],
    where,
  );
  assert.equal((await bench.json("device audit verify killed/batch.jsonl")).intact, true);
}

/** The fingerprints of the keys that the cloud has, by id. */
async function knownOf(bench: BatchBench): Promise<Map<string, string>> {
  const devices: { id: string; key_fingerprint: string }[] = await bench.json("device list");
  return new Map(devices.map(({ id, key_fingerprint }) => [id, key_fingerprint]));
}

function listed(bench: BatchBench): string[] {
  try {
    return readdirSync(join(bench.folder, "killed"));
  } catch {
    return [];
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
