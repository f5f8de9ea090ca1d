/** How long the command line takes to start, beside Node with nothing to do. */
import { execFileSync } from "node:child_process";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { atMost, type Group } from "./row.js";

const MOTEKEY = fileURLToPath(new URL("../../tools/bin/motekey.mjs", import.meta.url));
const MS_MAX = 150;

function elapsedMs(words: readonly string[]): number {
  const startedAtMs = performance.now();
  execFileSync(process.execPath, words);
  return performance.now() - startedAtMs;
}

/** From the start of the process to its end; the fastest, as other programs on the machine only make it slower. */
export const startUp: Group = {
  name: "start-up",
  rows: async (quick) => {
    elapsedMs([MOTEKEY, "--version"]); // makes the bundle where it is not there
    const [ours, peer]: [number[], number[]] = [[], []];
    for (let round = 0; round < (quick ? 3 : 21); round++) {
      ours.push(elapsedMs([MOTEKEY, "--version"]));
      peer.push(elapsedMs(["-e", "0"]));
    }
    const [mine, theirs] = [Math.min(...ours), Math.min(...peer)];
    return [
      atMost(MS_MAX, {
        name: "motekey --version",
        ours: mine,
        peer: theirs,
        unit: "ms",
        against: "node -e 0; from start to end, the fastest of many, in turns",
      }),
    ];
  },
};
