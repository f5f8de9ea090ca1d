/** The simulated world: device-days per second of processor, beside the bare world of the firmware's own tests. */
import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Draw, LEVELS, runFleet, runWorld } from "../../host-sim/world/index.js";
import { World } from "../auth/world.js";
import { atMost, type Group, timesBetter } from "./row.js";

const DAY_MS = 86_400_000;
const KILOBYTE = 1_000;

/** Seconds of processor that something takes. */
function processorS(run: () => void): number {
  const from = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1_000_000;
}

/** Device-days per second of processor: one device that is connected, pings, and nothing goes wrong. */
function bare(days: number): number {
  const seconds = processorS(() => {
    const world = new World({ proof: "password" }).ready();
    world.get();
    world.advance(days * DAY_MS);
    world.close();
  });
  return days / seconds;
}

/** The same of a fleet whose devices run one after the other. */
function fleet(draw: Draw, devices: number): number {
  const seconds = processorS(() => runFleet(draw, 0, devices));
  return (devices * draw.forMs) / DAY_MS / seconds;
}

/** Bytes of heap that are kept of each device while a fleet runs. */
function retained(draw: Draw, devices: number): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const { hashes } = runFleet(draw, 0, devices);
  collect();
  return Math.max(0, process.memoryUsage().heapUsed - before) / hashes.length;
}

async function seconds(draw: Draw, devices: number, workers: number): Promise<number> {
  const from = performance.now();
  await runWorld(draw, devices, workers);
  return (performance.now() - from) / 1_000;
}

export const world: Group = {
  name: "world",
  rows: async (quick) => {
    const draw: Draw = { seed: 1, forMs: 2 * DAY_MS, rates: LEVELS.ordinary, core: "byte" };
    const devices = quick ? 2 : 100;
    bare(1);
    fleet(draw, quick ? 1 : 10);
    const peer = bare(quick ? 1 : 60);
    const many = quick ? 16 : 400;
    const ours = fleet(draw, devices);
    const kept = retained({ ...draw, forMs: DAY_MS / 24 }, quick ? 20 : 2_000);
    const one = await seconds(draw, many, 1);
    const two = await seconds(draw, many, 2);
    return [
      timesBetter(1, {
        name: "world, faults and all checks",
        ours,
        peer,
        unit: "device-days per s",
        isMoreBetter: true,
        against:
          "the bare world of the firmware's tests: one device with password that pings for days; ours asks for some 700 tokens a day and makes some 300 requests, each checked",
        tried:
          "a heap of events in place of a sorted list, one queue and one cloud per device, no object per ping",
      }),
      atMost(20, {
        name: "world, memory per device",
        ours: kept / KILOBYTE,
        peer: Number.NaN,
        unit: "kB",
        against: "the heap that is kept of two thousand devices, each an hour: they run one after the other",
      }),
      timesBetter(1.8, {
        name: "world, two workers",
        ours: two,
        peer: one,
        unit: "s",
        against: `the same fleet with one worker, on ${availableParallelism()} processors`,
        tried: "groups of eight devices, taken as each worker comes free",
      }),
    ];
  },
};
