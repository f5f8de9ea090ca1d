import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { bundle } from "../engines/bundle.js";
import { XS_WORKER, xsMissing } from "../engines/install.mjs";
import { buildChip, chipMissing } from "../engines/native.mjs";
import { startXs, type Xs } from "../engines/xs.js";
import { Soak } from "./life.js";

const LIFE = fileURLToPath(new URL("life.ts", import.meta.url));
/** Samples of the heap in a run: the first is taken when a tenth has warmed the engine up. */
const SAMPLES = 10;

/** What is alive after a collection, and what the engine has taken: bytes; on XS slots and bytes of chunks. */
export type Sample = readonly number[];

/** One engine's run: what its heap held at equal distances, from a tenth of it on. */
export interface SoakResult {
  readonly engine: string;
  readonly cycles: number;
  readonly samples: readonly Sample[];
}

/** The engines, by what each is called; null: it cannot be had here. */
export const ENGINES = {
  "XS, 64 bit": () => (xsMissing() === null ? soakXs("XS, 64 bit", () => XS_WORKER, snapshotOf) : null),
  "XS, 32 bit": () => (chipMissing() === null ? soakXs("XS, 32 bit", buildChip, heapOf) : null),
  Node: () => soakNode,
} as const;

/** A run of so many cycles, in steps that are said. */
export type RunSoak = (cycles: number, onStep: (done: number) => void) => Promise<SoakResult>;

const soakNode: RunSoak = async (cycles, onStep) => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const soak = new Soak();
  const samples: Sample[] = [];
  for (let step = 0; step < SAMPLES; step++) {
    soak.run(Math.ceil(cycles / SAMPLES));
    collect();
    samples.push([process.memoryUsage().heapUsed]);
    onStep(soak.cycles);
  }
  return { engine: "Node", cycles: soak.cycles, samples };
};

/** Slots and bytes of chunks that are alive. */
const snapshotOf = async (xs: Xs): Promise<Sample> => {
  const { slots, chunkBytes } = await xs.snapshot();
  return [slots, chunkBytes];
};

/** The same, and all that there are: the engine takes more of both when they do not do. */
const heapOf = async (xs: Xs): Promise<Sample> => {
  await xs.evaluate("xs_heap(-1);");
  return (await xs.text("[xs_heap(0), xs_heap(1), xs_heap(4), xs_heap(5)].join()")).split(",").map(Number);
};

const soakXs =
  (engine: string, program: () => string, weigh: (xs: Xs) => Promise<Sample>): RunSoak =>
  async (cycles, onStep) => {
    const xs = await startXs({ program: program(), isQuiet: true });
    try {
      await xs.evaluate(await bundle(LIFE, "soak"));
      await xs.evaluate("globalThis.device = new soak.Soak();");
      const samples: Sample[] = [];
      for (let step = 0; step < SAMPLES; step++) {
        await xs.evaluate(`device.run(${Math.ceil(cycles / SAMPLES)});`);
        samples.push(await weigh(xs));
        onStep(Number(await xs.text("device.cycles")));
      }
      return { engine, cycles: Math.ceil(cycles / SAMPLES) * SAMPLES, samples };
    } finally {
      await xs.close();
    }
  };

/** How much more any number of the last samples is than in the first, as a share of it. */
export function growth({ samples }: SoakResult): number {
  const [first = []] = samples;
  return Math.max(
    ...samples.slice(1).flatMap((sample) => sample.map((value, at) => value / (first[at] as number) - 1)),
  );
}
