/** A batch that is killed again and again, and what must be so at its end. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { recordIn } from "../../tools/device/record.js";
import { Partition } from "../../tools/nvs/partition.js";
import { good } from "./acme.js";
import type { Line } from "./line.js";
import { runProcess } from "./process.js";
import { randomOf } from "./random.js";

/**
 * Runs `device batch list.csv --out killed` as a process of its own, kills it (SIGKILL) at a random number of files or
 * of bytes of the log, starts it again, and at last lets it end.
 */
export async function killedBatch(
  line: Line,
  ids: readonly string[],
  { kills, seed = Date.now() % 2 ** 31 }: { kills: number; seed?: number },
): Promise<void> {
  const random = randomOf(seed);
  const where = `seed ${seed}`;
  const { stdout } = good(await line.world.line("auth token"));
  const env = {
    MOTEKEY_AUTH_TOKEN: stdout.trim(),
    MOTEKEY_CLOUD: line.cloud.httpUrl,
    MOTEKEY_CONFIG_PATH: line.path("none.json"),
  };
  const run = (kill: (() => boolean) | null) =>
    runProcess(["device", "batch", "list.csv", "--out", "killed", "--json"], {
      env,
      directory: line.world.folder,
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
  const files = (): number => listed(line).filter((name) => /^\.?\w+\.bin/.test(name)).length;
  const logBytes = (): number => sizeOf(line.path("killed", "batch.jsonl"));
  const fingerprints = new Map<string, string>();
  let killed = 0;
  for (let kill = 0; kill < kills; kill++) {
    // The first before any device is there; the others in the middle of files, or behind a group's lines.
    const left = ids.length - files();
    const byFiles = files() + Math.ceil(random() * Math.min(left, (2 * ids.length) / kills));
    const byLog = logBytes() + 1;
    const kind = kill === 0 ? 0 : 1 + Math.floor(random() * 2);
    const when = [
      () => listed(line).includes("batch.seed"),
      () => files() >= byFiles,
      () => logBytes() >= byLog,
    ];
    const said = await run(when[kind] as () => boolean);
    if (said.exit === -1) killed++;
    else assert.equal(said.exit, 0, `${where}: ${said.stderr}`);
    // What the cloud knows once it never changes.
    for (const [id, known] of await knownOf(line)) {
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
  const lines = readFileSync(line.path("killed", "batch.jsonl"), "utf8").trim().split("\n");
  const made = lines.map((text) => JSON.parse(text)).filter(({ did }) => did === "made");
  assert.deepEqual(
    made.map(({ device }) => device),
    ids,
    where,
  );
  const known = await knownOf(line);
  for (const id of ids) {
    const partition = Partition.read(readFileSync(line.path("killed", `${id}.bin`)));
    const record = recordIn(partition.get("motekey", "motekey-creda")?.data ?? new Uint8Array());
    assert.equal(record?.detail, `${id}, key ${known.get(id)}`, where);
  }
  assert.deepEqual(
    listed(line).filter((name) => name.startsWith(".") || name === "batch.seed"),
    [],
    where,
  );
  assert.equal((await line.json("device audit verify killed/batch.jsonl")).intact, true);
}

/** The fingerprints of the keys that the cloud has, by id. */
async function knownOf(line: Line): Promise<Map<string, string>> {
  const devices: { id: string; key_fingerprint: string }[] = await line.json("device list");
  return new Map(devices.map(({ id, key_fingerprint }) => [id, key_fingerprint]));
}

function listed(line: Line): string[] {
  try {
    return readdirSync(line.path("killed"));
  } catch {
    return [];
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
