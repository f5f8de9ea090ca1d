/** A replica in a process of its own, which can be killed: told its options, it answers where it is, or why not. */
import { once } from "node:events";
import { type ServiceOptions, startService } from "../../host-sim/service/index.js";

const [options] = (await once(process, "message")) as [ServiceOptions];
try {
  const service = await startService(options);
  process.on("SIGTERM", () => void service.close().then(() => process.disconnect()));
  process.send?.({ mqttUrl: service.mqttUrl, httpUrl: service.httpUrl, rpcUrl: service.rpcUrl });
} catch (failure) {
  process.send?.({ reason: (failure as Error).message });
  process.disconnect();
}
