/** A cloud in a process of its own, which can be killed: told its options once, it answers where it is, or why not. */
import { once } from "node:events";
import { type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";

const [options] = (await once(process, "message")) as [CloudOptions];
try {
  const cloud = await startCloud(options);
  cloud.on((event) => {
    if (event.event === "registry-failed") process.send?.({ reason: event.reason });
  });
  process.once("disconnect", () => void cloud.close());
  process.send?.({ url: cloud.mqttUrl, httpUrl: cloud.httpUrl });
} catch (failure) {
  process.send?.({ reason: (failure as Error).message });
  process.disconnect();
}
