/** A batch onto boards at pseudo-terminals that is killed again and again, and what must be so at its end. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BatchBench } from "./killed-batch.js";
import type { PtyBoard } from "./loader/board.js";
import { runProcess } from "./process.js";
import { randomOf } from "./random.js";

/**
 * Runs `device batch list.csv --out killed --jobs 2` as a process of its own, kills it (SIGKILL) behind a random number
 * of commands to the boards, starts it again, and at last lets it end.
 */
export async function killedBoards(
  bench: BatchBench,
  ptys: readonly PtyBoard[],
  { kills, out = "killed", seed = Date.now() % 2 ** 31 }: { kills: number; out?: string; seed?: number },
): Promise<void> {
  const random = randomOf(seed);
  const where = `seed ${seed}`;
  const words = `device batch list.csv --out ${out} --jobs 2 --baud 115200 --json`.split(" ");
  const ports = ptys.flatMap(({ path }) => ["--port", path]);
  const commands = (): number => ptys.reduce((sum, { board }) => sum + board.traffic.commands, 0);
  const run = (kill: number | null) => {
    const from = commands();
    // A pseudo-terminal has no line to the chip's reset: it is pressed by hand.
    for (const { board } of ptys) board.reset();
    return runProcess([...words, ...ports], {
      env: bench.env,
      directory: bench.folder,
      started: (child) => {
        if (kill === null) return;
        const look = setInterval(() => {
          if (commands() - from < kill) return;
          clearInterval(look);
          child.kill("SIGKILL");
        }, 1);
        child.once("exit", () => clearInterval(look));
      },
    });
  };
  let killed = 0;
  for (let kill = 0; kill < kills; kill++) {
    const said = await run(5 + Math.floor(random() * COMMANDS_OF_A_BOARD * 2));
    if (said.exit === -1) killed++;
    else assert.equal(said.exit, 0, `${where}: ${said.stderr}`);
  }
  assert.ok(killed > 0, `${where}: no run was killed`);
  const said = await run(null);
  assert.equal(said.exit, 0, `${where}: ${said.stderr}`);
  const answer = JSON.parse(said.stdout);
  assert.deepEqual(
    [answer.made + answer.before, answer.left, answer.checked],
    [ptys.length, 0, ptys.length],
    where,
  );
  const lines = readFileSync(join(bench.folder, out, "batch.jsonl"), "utf8")
    .trim()
    .split("\n");
  const made = lines.map((text) => JSON.parse(text)).filter(({ did }) => did === "made");
  for (const name of ["device", "mac"])
    assert.equal(new Set(made.map((entry) => entry[name])).size, ptys.length, `${where}: ${name}`);
  assert.equal((await bench.json(`device audit verify ${out}/batch.jsonl`)).intact, true, where);
}

/** About as many as one board takes. */
const COMMANDS_OF_A_BOARD = 40;
