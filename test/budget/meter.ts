import { startXs, type Xs, type XsOptions, type XsReply } from "../engines/xs.js";

/** What one step costs on XS. Averages over many steps; whole numbers where every step costs the same. */
export interface StepCost {
  /** Slots allocated (16 bytes each on a microcontroller). */
  slots: number;
  /** Bytes of strings, buffers and array contents allocated, heads of 16 bytes included, garbage counted too. */
  chunkBytes: number;
  /** Garbage collections seen while the steps for {@link slots} and {@link microseconds} ran: 0 or 1. */
  collections: number;
  microseconds: number;
  computrons: number;
}

/** Heap of the engine that is measured, in bytes: small, so that a probe is quick. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Chunk sizes are multiples of a machine word. */
const CHUNK_STEP_BYTES = 8;
/** Numbers instead of a number of steps: collect the garbage; answer how many collections were seen. */
const COLLECT = -1;
const COLLECTIONS = -2;

/** Commands of numbers, because each evaluated source leaves its name in the heap. */
const HANDLER = `globalThis.handleCommand = function (command) {
  const numbers = new Int32Array(command), n = numbers[0];
  if (n === ${COLLECT}) return gc();
  if (n === ${COLLECTIONS}) return new Int32Array([$collections]).buffer;
  for (let i = 0; i < n; i++) step(i);
  if (numbers[1] > 0) { new ArrayBuffer(numbers[1]); new ArrayBuffer(numbers[2]); }
}`;

/**
 * Starts an engine for measuring and evaluates `setup`, which must define a function `step(i)` in the global
 * scope; `handleCommand` is the meter's own. Close it when done.
 *
 * @param options what else the engine is started with
 */
export async function startMeter(setup: string, options: XsOptions = {}): Promise<Xs> {
  const xs = await startXs({ ...options, chunkBytes: CHUNK_BYTES });
  await xs.evaluate(setup);
  await xs.evaluate(HANDLER);
  for (const n of [0, 1, 2]) await run(xs, n); // what only the first runs cost
  return xs;
}

/**
 * The cost of `step(i)` in an engine of {@link startMeter}, i counting from 0.
 *
 * @param n steps to average over; all their garbage must fit in about 1.9 MB
 */
export async function measureStep(xs: Xs, n: number): Promise<StepCost> {
  const slots = await slotsPer(xs, n);
  const chunkBytes = await chunkBytesPer(xs, n);
  return { slots, chunkBytes, ...(await timeStep(xs, n)) };
}

/** What one step takes, garbage collections included, averaged over `n` steps in one go. */
export async function timeStep(
  xs: Xs,
  n: number,
): Promise<Pick<StepCost, "collections" | "microseconds" | "computrons">> {
  await run(xs, COLLECT);
  const before = await collections(xs);
  const empty = await run(xs, 0);
  const full = await run(xs, n);
  return {
    collections: (await collections(xs)) - before,
    microseconds: (full.microseconds - empty.microseconds) / n,
    computrons: (full.compute - empty.compute) / n,
  };
}

/** Garbage collections while `n` steps run, none of them ours: one is seen per `atOnce` steps, so it is a floor. */
export async function collectionsIn(xs: Xs, n: number, atOnce: number): Promise<number> {
  const before = await collections(xs);
  for (let done = 0; done < n; done += atOnce) await run(xs, Math.min(atOnce, n - done));
  return (await collections(xs)) - before;
}

/**
 * Slots that one step allocates.
 *
 * @throws when a garbage collection ran meanwhile: take fewer steps
 */
export async function slotsPer(xs: Xs, n: number): Promise<number> {
  await run(xs, COLLECT);
  const before = await collections(xs);
  const empty = await run(xs, 0);
  const full = await run(xs, n);
  if ((await collections(xs)) !== before) throw new Error(`${n} steps overflowed the heap: measure fewer`);
  return (full.slots - empty.slots) / n;
}

/**
 * Bytes of chunks that one step allocates, garbage included. The engine does not tell how full its heap is, and
 * a snapshot shows only what is alive. But it collects exactly when a chunk does not fit any more: so we look for
 * the largest one that still fits behind the steps, and compare it with what fits behind none.
 *
 * Evaluated code copies a string literal each time it passes it (`typeof x === "string"`: 24 bytes); in the
 * archive that a device runs (XS_CODE_STRING_ARCHIVE) the same literal costs nothing.
 *
 * @throws when the garbage of the steps does not fit: take fewer steps
 */
export async function chunkBytesPer(xs: Xs, n: number): Promise<number> {
  return ((await roomBehind(xs, 0)) - (await roomBehind(xs, n))) / n;
}

/** A filler of half the heap comes before the last chunk, so that after a collection it always fits. */
async function roomBehind(xs: Xs, n: number): Promise<number> {
  const filler = CHUNK_BYTES / 2;
  let fits = 0;
  let tooMuch = filler;
  if (await collects(xs, n, filler, fits)) {
    throw new Error(`the garbage of ${n} steps does not fit in the heap: measure fewer`);
  }
  while (tooMuch - fits > CHUNK_STEP_BYTES) {
    const middle = fits + Math.floor((tooMuch - fits) / 2 / CHUNK_STEP_BYTES) * CHUNK_STEP_BYTES;
    if (await collects(xs, n, filler, middle)) tooMuch = middle;
    else fits = middle;
  }
  return fits;
}

async function collects(xs: Xs, n: number, filler: number, last: number): Promise<boolean> {
  await run(xs, COLLECT);
  const before = await collections(xs);
  await run(xs, n, filler, last);
  return (await collections(xs)) !== before;
}

function run(xs: Xs, n: number, filler = 0, last = 0): Promise<XsReply> {
  return xs.command(new Uint8Array(Int32Array.of(n, filler, last).buffer));
}

async function collections(xs: Xs): Promise<number> {
  return Buffer.from((await run(xs, COLLECTIONS)).bytes).readInt32LE();
}
