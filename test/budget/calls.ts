import { Session } from "node:inspector/promises";
import { type Host, Status } from "../../firmware/index.js";
import { CloudMac } from "../auth/mac.js";
import { APP, World } from "../auth/world.js";
import type { Figure } from "./figures.js";

const PROOF = "counter+mac";
/** Requests before the one that is counted: all that is made or found out once is over. */
const WARM_UP = 3;

/** How often each file of the firmware was called, by its path. */
type Counts = Map<string, number>;

/** What V8 counts of the firmware's calls during `act`. */
async function countCalls(act: () => void): Promise<Counts> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
    await session.post("Profiler.takePreciseCoverage");
    act();
    const { result } = await session.post("Profiler.takePreciseCoverage");
    const counts: Counts = new Map();
    for (const { url, functions } of result) {
      const path = url.split("/firmware/")[1];
      if (path === undefined) continue;
      const calls = functions.reduce((sum, { ranges }) => sum + (ranges[0]?.count ?? 0), 0);
      if (calls > 0) counts.set(path, (counts.get(path) ?? 0) + calls);
    }
    return counts;
  } finally {
    session.disconnect();
  }
}

/** One request to its callback. The app has made its handle before, as apps do. */
function request(world: World, host: Host): void {
  let status: Status | undefined;
  if (host.generateToken((ended) => (status = ended)) !== Status.OK)
    throw new Error("the request is not taken");
  world.until(() => status !== undefined);
  if (status !== Status.OK) throw new Error(`${Status[status as Status]} instead of a token`);
}

/**
 * Calls of functions, and the files that they are in, from `generateToken` to its callback, on an open connection whose
 * far end shares no code with the firmware. A call that V8 inlines counts too.
 */
export async function callFigures(): Promise<Figure[]> {
  const world = new World({ proof: PROOF });
  new CloudMac(world);
  world.ready();
  const host = world.client.host(APP);
  for (let i = 0; i < WARM_UP; i++) request(world, host);
  const counts = await countCalls(() => request(world, host));
  world.close();
  const calls = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const shape = { tolerance: 0, note: "in Node, by V8's own count; a token of the tests' length" };
  return [
    { name: `GenerateToken, ${PROOF}: calls`, value: calls, unit: "calls", aim: 320, ...shape },
    { name: `GenerateToken, ${PROOF}: files`, value: counts.size, unit: "files", aim: 24, ...shape },
  ];
}
