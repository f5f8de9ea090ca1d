/** What sealing records allocates on XS: at a boot, and when a token is put away for a deep sleep. */
import { fileURLToPath } from "node:url";
import { bundle } from "../engines/bundle.js";
import type { Figure } from "./figures.js";
import { chunkBytesPer, slotsPer, startMeter, timeStep } from "./meter.js";

const RIG = fileURLToPath(new URL("seal-rig.ts", import.meta.url));
const STEPS = 20;
/** What is counted moves by a few bytes with how the bundler names things. */
const TOLERANCE = 0.03;
const NOTE =
  "a sealed store allocates then, and never in between: it is garbage at once, slots of 16 bytes and bytes of chunks";

const STEPS_OF: readonly (readonly [what: string, call: string])[] = [
  ["a boot's credential", "boot"],
  ["a token put away", "putAway"],
  ["a token taken out", "takeOut"],
];

/** Slots, bytes of chunks and computrons of each. */
export async function sealedStoreFigures(): Promise<Figure[]> {
  const source = await bundle(RIG, "sealRig");
  const figures: Figure[] = [];
  for (const [what, call] of STEPS_OF) {
    const xs = await startMeter(
      `${source}\n{const it = new sealRig.SealRig(); globalThis.step = () => it.${call}();}`,
    );
    const name = `sealed store, ${what}`;
    const kept = { tolerance: TOLERANCE, note: NOTE };
    try {
      figures.push(
        { name: `${name}: slots`, value: await slotsPer(xs, STEPS), unit: "slots", ...kept },
        { name: `${name}: chunks`, value: await chunkBytesPer(xs, STEPS), unit: "B", ...kept },
        {
          name: `${name}: work`,
          value: Math.round((await timeStep(xs, STEPS)).computrons),
          unit: "computrons",
          ...kept,
        },
      );
    } finally {
      await xs.close();
    }
  }
  return figures;
}
