import type { Fault } from "../faults.js";

/** How a seed is run alone, whatever the runner. */
export const SEED_VARIABLE = "MOTEKEY_SEED";
/** Faults that a message names one by one. */
const SHOWN = 8;

const UNITS: readonly [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** A duration in its two largest units: `5 h 12 min`. */
export function span(ms: number): string {
  const parts: string[] = [];
  let left = Math.round(ms);
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(left / unitMs);
    left -= count * unitMs;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.length === 0 ? `${left} ms` : parts.slice(0, 2).join(" ");
}

const faultText = ({ kind, atMs, forMs, n }: Fault): string =>
  `${kind} at ${span(atMs)}${forMs === 0 ? "" : ` for ${span(forMs)}`}${n === 0 ? "" : ` (strength ${n})`}`;

/** An app failed in the simulated world: the message has the seed, and how to run that again. `cause` is what the app threw. */
export class WorldError extends Error {
  override readonly name = "WorldError";

  /**
   * @param atMs since the world's start
   * @param faults the fewest that were found which still do it, in their order
   */
  constructor(
    what: string,
    readonly seed: number,
    readonly atMs: number,
    readonly faults: readonly Fault[],
    cause: unknown,
  ) {
    const shown = faults.slice(0, SHOWN).map(faultText);
    if (faults.length > SHOWN) shown.push(`${faults.length - SHOWN} more`);
    const needed = shown.length === 0 ? "It needs no fault." : `It needs: ${shown.join(", ")}.`;
    super(
      `seed ${seed} failed ${span(atMs)} after the start: ${what}\n${needed}\nThis seed alone: ${SEED_VARIABLE}=${seed} before your test's command, or { seed: ${seed} }.`,
      { cause },
    );
  }
}
