/** A replica in a process of its own, which can be killed: told its options, it answers where it is, or why not, and then what it does. */
import { once } from "node:events";
import { type ServiceOptions, startService } from "../../host-sim/service/index.js";

/** Events by which a counter, or a token, was given away. */
const TOLD: readonly string[] = ["mac-session", "admitted", "token", "recovered"];

/** How wrong the clock of this replica's machine is, ms. */
type Told = ServiceOptions & { clockShiftMs?: number };

const [{ clockShiftMs = 0, ...options }] = (await once(process, "message")) as [Told];
const RightDate = Date;
globalThis.Date = class extends RightDate {
  constructor(...given: [] | [number | string | Date]) {
    super(given[0] ?? RightDate.now() + clockShiftMs);
  }

  static override now(): number {
    return RightDate.now() + clockShiftMs;
  }
} as DateConstructor;
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
