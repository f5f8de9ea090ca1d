import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Failure, type FleetResult, hashOf, runFleet } from "./fleet.js";
import { type Herd, herdOf } from "./herd.js";
import type { Draw } from "./plan.js";
import { Tally } from "./tally.js";

/** Devices per batch of a worker. */
const BATCH = 8;
const SELF = fileURLToPath(import.meta.url);
const ROLE = "motekey-world";

/** A fleet's outcome. */
export interface WorldResult {
  readonly failures: readonly Failure[];
  readonly herd: Herd;
  /** The hash of everything that happened to all devices: the same for the same seed, with any number of workers, on any machine. */
  readonly hash: string;
  readonly tally: Tally;
}

interface Batch {
  readonly from: number;
  readonly to: number;
}

interface Done extends Batch {
  readonly result: FleetResult;
}

/**
 * Runs a fleet in several processes.
 * @param told called now and then with how many devices are done
 * @param signal ends it early, with the outcome so far
 */
export async function runWorld(
  draw: Draw,
  devices: number,
  workers: number,
  told: (done: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<WorldResult> {
  const batches: Batch[] = [];
  for (let from = 0; from < devices; from += BATCH)
    batches.push({ from, to: Math.min(devices, from + BATCH) });
  const hashes: string[] = new Array(devices).fill("");
  const failures: Failure[] = [];
  const tally = new Tally();
  let done = 0;
  const take = ({ from, to, result }: Done): void => {
    for (const [index, hash] of result.hashes.entries()) hashes[from + index] = hash;
    failures.push(...result.failures);
    tally.add(result.tally);
    done += to - from;
    told(done);
  };
  await Promise.all(
    Array.from({ length: Math.min(workers, batches.length) }, () => work(draw, batches, take, signal)),
  );
  failures.sort((one, other) => one.plan.device - other.plan.device);
  return { failures, herd: herdOf(tally, devices, draw.spreadMs ?? 0), hash: hashOf(hashes), tally };
}

/** One worker, until no batch is left. */
async function work(
  draw: Draw,
  batches: Batch[],
  take: (done: Done) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  // Advanced: tallies hold maps.
  const worker = fork(SELF, [ROLE], {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(worker, "exit").then(([code]) => {
    throw new Error(`a worker of the simulated world ended with ${code}`);
  });
  ended.catch(() => undefined);
  try {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      if (signal?.aborted === true) return;
      worker.send({ ...batch, draw });
      const [result] = (await Promise.race([once(worker, "message"), ended])) as [FleetResult];
      take({ ...batch, result });
    }
  } finally {
    worker.disconnect();
    worker.kill();
  }
}

/** This very file is the worker's program: bundles have no separate file for one. */
if (process.argv[1] === SELF && process.argv[2] === ROLE) {
  // Ctrl-C reaches all processes; the parent ends this one.
  process.on("SIGINT", () => undefined);
  process.on("message", ({ from, to, draw }: Batch & { draw: Draw }) =>
    process.send?.(runFleet(draw, from, to)),
  );
}
