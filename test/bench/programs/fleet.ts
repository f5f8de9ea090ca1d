/** A fleet that connects by counters to a mock cloud, each device with one more than before. */
import { FLEET_LIMITS, runFleet } from "../../../host-sim/fleet/index.js";
import type { CloudAnswer } from "./cloud.js";
import { answer, task } from "./task.js";

/** The cloud, and how many devices are on their way at once. */
export interface FleetTask extends CloudAnswer {
  readonly connectingMax: number;
}

/** The devices share one processor: by their usual limits the last of thousands would give up before its turn. */
const PATIENCE_MS = 120_000;

const { url, credentials, connectingMax } = await task<FleetTask>();
const report = await runFleet({
  devices: credentials.length,
  url,
  credential: (index) => credentials[index] ?? { id: "", psk: "" },
  connectingMax,
  limits: {
    ...FLEET_LIMITS,
    connectTimeoutMs: PATIENCE_MS,
    callAttemptMs: PATIENCE_MS,
    callDeadlineMs: 2 * PATIENCE_MS,
  },
});
if (report.arrived < credentials.length)
  throw new Error(`arrived: ${report.arrived} of ${credentials.length}; ${JSON.stringify(report.failures)}`);
answer(report.connectsPerSecond);
