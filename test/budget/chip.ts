import { fileURLToPath } from "node:url";
import { bundle } from "../engines/bundle.js";
import { buildChip, chipMissing } from "../engines/native.mjs";
import { startXs } from "../engines/xs.js";
import type { Figure } from "./figures.js";

const CLIENT = fileURLToPath(new URL("chip-client.ts", import.meta.url));
const SLOT_BYTES = 16;
const ROUND_TRIPS = 20;
/** What was measured moves by a few slots with how the bundler names things. */
const TOLERANCE = 0.03;
/** Where the least heap is looked for, and how closely. */
const SLOTS = { from: 512, to: 4_096, step: 32 };
const CHUNKS = { from: 2_048, to: 32_768, step: 256 };
const NOTE =
  "the client alone, beside its code, which lies in flash, and its link, which has 767 bytes of buffers (native: 1,279)";

/** In the engine: begins to weigh a client, and leaves no more than so many slots and bytes of chunks free, if told. */
const PREPARE = `
globalThis.native = (name) => globalThis[name];
globalThis.prepare = (proof, slots, bytes) => {
  globalThis.client = new chip.ChipClient(proof);
  globalThis.ballast = null;
  xs_heap(-1);
  if (slots > 0) {
    let chain = null;
    while (xs_heap(4) - xs_heap(0) > slots + 8) chain = { chain };
    const buffer = new ArrayBuffer(xs_heap(5) - xs_heap(1) - bytes);
    globalThis.ballast = [chain, buffer];
    xs_heap(-1);
    xs_heap(-2);
  }
};
/** Slots and bytes of chunks: of the client alive, and of its round trips. */
globalThis.weigh = () => {
  const slots = xs_heap(0), chunks = xs_heap(1), told = [0, 0, 0, 0];
  client.start();
  client.roundTrip();
  xs_heap(-1);
  told[0] = xs_heap(0) - slots, told[1] = xs_heap(1) - chunks;
  for (let i = 0; i < ${ROUND_TRIPS}; i++) client.roundTrip();
  told[2] = xs_heap(0) - slots - told[0], told[3] = xs_heap(1) - chunks - told[1];
  return told;
};`;

/**
 * What a client takes of XS's heap where slots and pointers are as wide as on a microcontroller: the engine of
 * `@agoric/xsnap`, built for 32 bit. Nothing where it is not built; in CI that is an error.
 */
export async function chipFigures(): Promise<Figure[]> {
  const missing = chipMissing();
  if (missing !== null) {
    if (process.env.CI === "true") throw new Error(missing);
    console.log(`\n(${missing})`);
    return [];
  }
  const figures: Figure[] = [];
  for (const heart of ["typescript", "native"] as const) {
    const client = await bundle(CLIENT, "chip", heart);
    for (const proof of ["password", "counter+mac"]) {
      const name = `32 bit, ${proof}${heart === "native" ? ", native" : ""}`;
      figures.push(...weighed(name, await weigh(client, proof, 0, 0)));
      if (heart === "native") continue;
      const slots = await least(SLOTS, (free) => works(client, proof, free, CHUNKS.to));
      const chunks = await least(CHUNKS, (free) => works(client, proof, slots, free));
      figures.push(kept(`${name}: least slots that it starts with`, slots, "slots"));
      figures.push(kept(`${name}: least chunks that it starts with`, chunks, "B"));
      figures.push(kept(`${name}: least heap that it starts with`, slots * SLOT_BYTES + chunks, "B"));
    }
  }
  return figures;
}

/** Starts a client where so much is free, or where there is plenty (0), and gives what it takes. */
async function weigh(client: string, proof: string, slots: number, bytes: number): Promise<number[]> {
  const xs = await startXs({ program: buildChip(), isQuiet: true });
  try {
    await xs.evaluate(PREPARE);
    await xs.evaluate(client);
    await xs.evaluate(`prepare("${proof}", ${slots}, ${bytes}); globalThis.told = weigh(); ballast = null;`);
    if (slots > 0) return [];
    return (await xs.text("told.join()")).split(",").map(Number);
  } finally {
    await xs.close();
  }
}

async function works(client: string, proof: string, slots: number, bytes: number): Promise<boolean> {
  try {
    await weigh(client, proof, slots, bytes);
    return true;
  } catch (error) {
    if (/has ended/.test((error as Error).message)) return false; // memory full
    throw error;
  }
}

/** The least step of a range that works; all above it do. */
async function least(
  { from, to, step }: { from: number; to: number; step: number },
  isEnough: (free: number) => Promise<boolean>,
): Promise<number> {
  let [low, high] = [from / step - 1, to / step];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await isEnough(middle * step)) high = middle;
    else low = middle;
  }
  if (high * step === to && !(await isEnough(to))) throw new Error(`a client does not start with ${to} free`);
  return high * step;
}

const kept = (name: string, value: number, unit: string): Figure => ({
  name,
  value,
  unit,
  tolerance: TOLERANCE,
  note: NOTE,
});
const none = (name: string, value: number, unit: string): Figure => ({
  name,
  value,
  unit,
  tolerance: 0,
  aim: 0,
});

function weighed(name: string, told: readonly number[]): Figure[] {
  const [slots = 0, chunks = 0, slotsEach = 0, chunksEach = 0] = told;
  return [
    kept(`${name}: slots in use`, slots, "slots"),
    kept(`${name}: chunks in use`, chunks, "B"),
    kept(`${name}: heap in use`, slots * SLOT_BYTES + chunks, "B"),
    none(`${name}: slots of ${ROUND_TRIPS} round trips`, slotsEach, "slots"),
    none(`${name}: chunks of ${ROUND_TRIPS} round trips`, chunksEach, "B"),
  ];
}
