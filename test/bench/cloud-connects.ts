import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program, run } from "./program.js";
import type { CloudAnswer, CloudTask } from "./programs/cloud.js";
import type { FleetTask } from "./programs/fleet.js";
import { type Group, timesBetter } from "./row.js";
import { median } from "./samples.js";

/** Devices that connect to the mock cloud and get a token, counters kept on the disk and not. */
export const cloudConnects: Group = {
  name: "cloud connects",
  rows: async (quick) => {
    const [kept, bare]: [number[], number[]] = [[], []];
    const devices = quick ? 100 : 8_000;
    const connectingMax = devices;
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      const measureBare = async (): Promise<void> => {
        bare.push(await connectsPerSecond({ devices, registryFile: null }, connectingMax));
      };
      // Nobody is always first.
      if (round % 2 === 0) await measureBare();
      const folder = await mkdtemp(join(tmpdir(), "motekey-bench-"));
      try {
        const registryFile = join(folder, "devices.json");
        kept.push(await connectsPerSecond({ devices, registryFile }, connectingMax));
      } finally {
        await rm(folder, { recursive: true });
      }
      if (round % 2 === 1) await measureBare();
    }
    return [
      timesBetter(0.75, {
        name: "cloud connects, counters kept",
        ours: median(kept),
        peer: median(bare),
        unit: "per s",
        isMoreBetter: true,
        against: `the mock cloud without a registry file; ${devices} devices with counter+mac, token included, a fifth of them at once, then all others at once`,
        tried: "one write and fsync for all counters that came while the one before ran",
      }),
    ];
  },
};

async function connectsPerSecond(task: CloudTask, connectingMax: number): Promise<number> {
  const cloud = await Program.start("cloud", task);
  try {
    const answer = await cloud.answer<CloudAnswer>();
    return await run<number>("fleet", { ...answer, connectingMax } satisfies FleetTask);
  } finally {
    await cloud.stop();
  }
}
