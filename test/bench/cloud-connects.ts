import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { figure } from "./figure.js";
import { Program, run } from "./program.js";
import type { CloudAnswer, CloudTask } from "./programs/cloud.js";
import type { FleetTask } from "./programs/fleet.js";
import { type Group, timesBetter } from "./row.js";
import { interleave, medianPair } from "./samples.js";

/** Devices that connect to the mock cloud and get a token, counters kept on the disk and not, in turn. */
export const cloudConnects: Group = {
  name: "cloud connects",
  rows: async (quick) => {
    const devices = quick ? 100 : 8_000;
    const { kept, bare } = await interleave(
      { kept: () => keptOnDisk(devices), bare: () => connectsPerSecond({ devices, registryFile: null }) },
      quick ? 1 : 5,
    );
    const [ours, peer] = medianPair(kept, bare);
    const rounds = kept.map((value, round) => `${figure(value)} : ${figure(bare[round] ?? Number.NaN)}`);
    return [
      timesBetter(0.75, {
        name: "cloud connects, counters kept",
        ours,
        peer,
        unit: "per s",
        isMoreBetter: true,
        against: `the mock cloud without a registry file; ${devices} devices with counter+mac, token included, a fifth of them at once, then all others at once; the round whose ratio is the median of ${rounds.join(", ")}`,
        tried: "one write and fsync for all counters that came while the one before ran",
      }),
    ];
  },
};

async function keptOnDisk(devices: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "motekey-bench-"));
  try {
    return await connectsPerSecond({ devices, registryFile: join(folder, "devices.json") });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function connectsPerSecond(task: CloudTask): Promise<number> {
  const cloud = await Program.start("cloud", task);
  try {
    const answer = await cloud.answer<CloudAnswer>();
    return await run<number>("fleet", { ...answer, connectingMax: task.devices } satisfies FleetTask);
  } finally {
    await cloud.stop();
  }
}
