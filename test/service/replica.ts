/** A replica in a process of its own, which can be killed: told its options, it answers where it is, or why not, and then what it does. */
import { once } from "node:events";
import { type ServiceOptions, startService } from "../../host-sim/service/index.js";

/** Events by which a counter, or a token, was given away. */
const TOLD: readonly string[] = ["mac-session", "admitted", "token", "recovered"];

const [options] = (await once(process, "message")) as [ServiceOptions];
try {
  const service = await startService({
    ...options,
    log: (event) => {
      if (TOLD.includes(event.event)) process.send?.({ event });
    },
  });
  process.on("SIGTERM", () => void service.close().then(() => process.connected && process.disconnect()));
  process.send?.({ mqttUrl: service.mqttUrl, httpUrl: service.httpUrl, rpcUrl: service.rpcUrl });
} catch (failure) {
  process.send?.({ reason: (failure as Error).message });
  process.disconnect();
}
