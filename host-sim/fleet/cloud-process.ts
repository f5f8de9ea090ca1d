/** The process that `FleetCloud` forks: a mock cloud that lives until its parent lets go of it. */
import { once } from "node:events";
import { startCloud } from "../cloud/index.js";
import type { FleetCloudAnswer, FleetCloudNews, FleetCloudOptions } from "./provisioning.js";

// Ctrl-C reaches both processes; the parent closes its devices first, then this one.
process.on("SIGINT", () => {});

const [{ devices, ...options }] = (await once(process, "message")) as [FleetCloudOptions];
const answer = (message: FleetCloudAnswer): void => void process.send?.(message);
try {
  const cloud = await startCloud(options);
  const ids = Array.from({ length: devices }, (_, index) => `device_${index}`);
  const credentials = await Promise.all(ids.map((id) => cloud.addDevice({ id })));
  process.once("disconnect", () => void cloud.close());
  answer({ url: cloud.mqttUrl, credentials });
  const tell = (news: FleetCloudNews): void => void process.send?.(news);
  cloud.on((event) => {
    if (event.event === "broker-lost") tell({ trouble: event.reason });
    else if (event.event === "broker-attached") tell({ trouble: null });
  });
} catch (failure) {
  answer({ failure: failure instanceof Error ? failure.message : String(failure) });
}
