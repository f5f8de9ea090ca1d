import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Memory of this process after a full collection. */
export interface Memory {
  /** The JS heap and the buffers outside of it. */
  readonly heapBytes: number;
  readonly rssBytes: number;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Collects garbage and measures. Twice: buffers are given back by the second pass. */
export function measureMemory(): Memory {
  collect();
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapBytes: heapUsed + external, rssBytes: rss };
}
