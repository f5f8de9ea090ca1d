/** A fleet that connects by counters to a mock cloud, each device with one more than before. */
import { runFleet } from "../../../host-sim/fleet/index.js";
import type { CloudAnswer } from "./cloud.js";
import { answer, task } from "./task.js";

/** The cloud, and how many devices are on their way at once. */
export interface FleetTask extends CloudAnswer {
  readonly connectingMax: number;
}

const { url, credentials, connectingMax } = await task<FleetTask>();
const report = await runFleet({
  devices: credentials.length,
  url,
  credential: (index) => credentials[index] ?? { id: "", psk: "" },
  connectingMax,
});
if (report.arrived < credentials.length)
  throw new Error(`arrived: ${report.arrived} of ${credentials.length}`);
answer(report.connectsPerSecond);
