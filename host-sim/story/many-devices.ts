import { sentenceOf } from "../../firmware/explain.js";
import { Status } from "../../firmware/index.js";
import type { StatusName } from "../device.js";
import { FleetCloud, type FleetProgress, runFleet } from "../fleet/index.js";
import type { Tell } from "./events.js";
import { checkStory, type StoryOptions } from "./usage.js";

/** Many devices at once; rejects when one of them does not get its token. */
export async function tellManyDevices(
  options: StoryOptions & { devices: number },
  tell: Tell,
  signal: AbortSignal,
  onProgress: (progress: FleetProgress) => void,
): Promise<void> {
  checkStory(options);
  const { devices, broker, proof, allowInsecure } = options;
  const cloud = await FleetCloud.start({
    devices,
    ...(broker !== null && { broker }),
    ...(allowInsecure && { requireFrameProof: false }),
  });
  cloud.onTrouble((trouble) => tell({ event: "broker", trouble }));
  try {
    signal.throwIfAborted();
    tell({ event: "started", cloud: cloud.url, devices, proof });
    const credential = (index: number) => cloud.credential(index);
    const report = await runFleet({
      devices,
      url: cloud.url,
      credential,
      proof,
      allowInsecure,
      signal,
      onProgress,
    });
    tell({ event: "fleet", ...report });
    const failures = Object.entries(report.failures).map(
      ([status, count]) => `${count} with ${status}: ${sentenceOf(Status[status as StatusName])}`,
    );
    if (failures.length > 0) throw new Error(`Devices without a token: ${failures.join(" ")}`);
  } finally {
    await cloud.close();
  }
}
