/** `motekey device batch`: a list of devices to image files, with journal, registry and every file on the disk. */
import { readFileSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { good } from "../tools/acme.js";
import { Line } from "../tools/line.js";
import { runProcess } from "../tools/process.js";
import { atLeast, atMost, type Group, information } from "./row.js";

const DEVICES = 10_000;
const DEVICES_QUICK = 200;
const IMAGE_BYTES = 0x6000;
const PER_SECOND = 800;
const MEGABYTES = 150;
const LOOK_MS = 50;

export const batch: Group = {
  name: "batch",
  rows: async (quick) => {
    const line = await Line.open();
    try {
      const devices = quick ? DEVICES_QUICK : DEVICES;
      const ours = await run(line, devices);
      const peer = await files(line, devices);
      return [
        atLeast(PER_SECOND, {
          name: "batch, devices",
          ours: ours.perSecond,
          peer,
          unit: "per s",
          isMoreBetter: true,
          against:
            "as many files of 24 KiB written and synced; ours registers each device too, journals it, and compares all with the cloud at the end",
          tried: "groups of 128, each registered while the one before is written; 16 files at once",
        }),
        information({
          name: "batch, devices by its processor time",
          ours: ours.perProcessorSecond,
          peer: Number.NaN,
          unit: "per s",
          isMoreBetter: true,
          against:
            "what the process itself uses of the processors, all its threads: other programs count little",
        }),
        atMost(MEGABYTES, {
          name: "batch, most memory",
          ours: ours.megabytes,
          peer: Number.NaN,
          unit: "MB",
          against: `the process of a batch of ${devices} devices, its highest resident set`,
        }),
      ];
    } finally {
      await line.close();
    }
  },
};

async function run(
  line: Line,
  devices: number,
): Promise<{ perSecond: number; perProcessorSecond: number; megabytes: number }> {
  const ids = Array.from({ length: devices }, (_, i) => `device_${i}`);
  line.file("list.csv", `id\n${ids.join("\n")}\n`);
  const env = {
    MOTEKEY_AUTH_TOKEN: good(await line.world.line("auth token")).stdout.trim(),
    MOTEKEY_CLOUD: line.cloud.httpUrl,
    MOTEKEY_CONFIG_PATH: line.path("none.json"),
  };
  // The bundle is made by whoever comes first.
  good(await runProcess(["device", "batch", "--help"], { env, directory: line.world.folder }));
  let kilobytes = 0;
  let seconds = 0;
  const startedAtMs = performance.now();
  const said = await runProcess(["device", "batch", "list.csv", "--out", "lot"], {
    env,
    directory: line.world.folder,
    started: (child) => {
      const look = setInterval(() => {
        kilobytes = Math.max(kilobytes, highWater(child.pid ?? 0));
        seconds = Math.max(seconds, processorSeconds(child.pid ?? 0));
      }, LOOK_MS);
      child.once("exit", () => clearInterval(look));
    },
  });
  good(said);
  const perSecond = (devices * 1000) / (performance.now() - startedAtMs);
  return { perSecond, perProcessorSecond: devices / seconds, megabytes: kilobytes / 1000 };
}

/** The highest resident set so far, in kilobytes (proc_pid_status(5)); 0: the process has ended. */
function highWater(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** User and system time of a process so far (proc_pid_stat(5)), in hundredths there; 0: it has ended. */
function processorSeconds(pid: number): number {
  try {
    const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const fields = rest.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

async function files(line: Line, count: number): Promise<number> {
  const bytes = Buffer.alloc(IMAGE_BYTES, 1);
  await mkdir(line.path("files"));
  let number = 0;
  const work = async (): Promise<void> => {
    while (number < count) {
      const handle = await open(line.path("files", `${number++}`), "wx");
      await handle.writeFile(bytes);
      await handle.datasync();
      await handle.close();
    }
  };
  const startedAtMs = performance.now();
  await Promise.all(Array.from({ length: 16 }, work));
  return (count * 1000) / (performance.now() - startedAtMs);
}
