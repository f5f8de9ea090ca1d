/** A replica of the service with devices in it, until it is stopped; asked, it says what it has taken so far. */
import { readFileSync } from "node:fs";
import { type ServiceOptions, startService } from "../../../host-sim/service/index.js";
import { answer, task } from "./task.js";

/** What it starts with. */
export interface ServiceTask {
  readonly options: ServiceOptions;
  /** How many it adds. */
  readonly devices: number;
}

/** Where it is, and who may connect. */
export interface ServiceAnswer {
  readonly rpcUrl: string;
  readonly credentials: readonly { id: string; psk: string }[];
  /** From nothing to where it takes connections. */
  readonly startMs: number;
}

/** What the process has taken since its start. */
export interface ServiceUse {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

const { options, devices } = await task<ServiceTask>();
const startedAtMs = performance.now();
const service = await startService({ ...options, mqttPort: 0, httpPort: 0 });
const startMs = performance.now() - startedAtMs;
const credentials: { id: string; psk: string }[] = [];
for (let at = 0; at < devices; at++) credentials.push(await service.addDevice({ id: `device_${at}` }));
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  answer({
    cpuMs: (user + system) / 1000,
    rssBytes: process.memoryUsage.rss(),
    peakRssBytes: peakRss(),
  } satisfies ServiceUse);
});
process.on("SIGTERM", () => void service.close().then(() => process.exit(0)));
answer({ rpcUrl: service.rpcUrl, credentials, startMs } satisfies ServiceAnswer);

/** The most memory that it ever had (proc_pid_status(5)); NaN where the system does not say. */
function peakRss(): number {
  try {
    const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return Number(kib) * 1024;
  } catch {
    return Number.NaN;
  }
}
