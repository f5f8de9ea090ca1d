/** Keeps many connections open, each with a token, and measures what one more costs. */
import { FLEET_LIMITS } from "../../../host-sim/fleet/limits.js";
import { type Memory, measureMemory } from "../../../host-sim/fleet/memory.js";
import { type Client, CONNECT, type Connect, FirmwareClient } from "./clients.js";
import { answer, task } from "./task.js";

const CONNECTS = {
  default: CONNECT.firmware,
  fleet: (port, id, onReady) => new FirmwareClient(port, id, onReady, FLEET_LIMITS),
  mqttJs: CONNECT.mqttJs,
  raw: CONNECT.raw,
} satisfies Record<string, Connect>;

/** Who is measured: the firmware at default or at fleet limits, or a peer. */
export type MemoryKind = keyof typeof CONNECTS;

/** How many connections; as many as `warm` come before, and what they need once is not counted. */
export interface MemoryTask {
  readonly port: number;
  readonly kind: MemoryKind;
  readonly warm: number;
  readonly count: number;
}

/** Bytes per connection. */
export type MemoryAnswer = Memory;

const CONNECTING_MAX = 100;

const { port, kind, warm, count } = await task<MemoryTask>();
const connect = CONNECTS[kind];
const clients: Client[] = [];

/** Brings the number of connections with a token to `goal`. */
function bring(goal: number): Promise<void> {
  const started = clients.length;
  let arrived = started;
  return new Promise((resolve) => {
    const onDone = (): void => {
      arrived++;
      if (arrived === goal) resolve();
      else next();
    };
    const next = (): void => {
      if (clients.length >= goal) return;
      const index = clients.length;
      clients.push(
        connect(port, `bench_${index}`, () => setImmediate(() => clients[index]?.request(onDone))),
      );
    };
    for (let i = 0; i < CONNECTING_MAX; i++) next();
  });
}

/** What stays: V8 gives pages back in the collections that follow, not in the first. */
async function settled(): Promise<Memory> {
  for (let i = 0; i < 3; i++) {
    measureMemory();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return measureMemory();
}

await bring(warm);
const before = await settled();
await bring(warm + count);
const after = await settled();
const said: MemoryAnswer = {
  heapBytes: (after.heapBytes - before.heapBytes) / count,
  rssBytes: (after.rssBytes - before.rssBytes) / count,
};
answer(said);
