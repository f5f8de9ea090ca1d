import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** One measured number. */
export interface Figure {
  name: string;
  /** NaN: it needs what is not here, see the note. */
  value: number;
  unit: string;
  /** By how much of itself it may grow over the kept one; absent: it is shown, never kept (times). */
  tolerance?: number;
  /** What we want, at the most. */
  aim?: number;
  /** How it was measured, where the name does not say it all. */
  note?: string;
}

/** Work may grow by 3 %: the engine's count depends a little on digits of ids and sequences. */
export const COMPUTRON_TOLERANCE = 0.03;

/** The figures of `budget.json` by name. */
export type Kept = Record<string, number>;

const PATH = fileURLToPath(new URL("budget.json", import.meta.url));

/** The kept figures; none when there is no file yet. */
export async function readKept(): Promise<Kept> {
  try {
    return JSON.parse(await readFile(PATH, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}

/** Keeps the figures that are to be kept; those of the file that were not measured now stay. */
export async function writeKept(figures: Figure[]): Promise<void> {
  const kept = await readKept();
  for (const { name, value, tolerance } of figures) if (tolerance !== undefined) kept[name] = value;
  await writeFile(PATH, `${JSON.stringify(kept, null, 2)}\n`);
}

/** What is wrong with a figure beside the kept ones; null when nothing is. */
export function complaint({ name, value, unit, tolerance }: Figure, kept: Kept): string | null {
  if (tolerance === undefined) return null;
  const before = kept[name];
  if (before === undefined) return `${name}: not in budget.json; run npm run budget -- --update`;
  if (value <= before * (1 + tolerance)) return null;
  return `${name}: grew from ${before} to ${value} ${unit}; mend it, or keep it with npm run budget -- --update`;
}

/** What is wrong with these figures beside those of the file. */
export async function complaints(figures: Figure[]): Promise<string[]> {
  const kept = await readKept();
  return figures.map((figure) => complaint(figure, kept)).filter((text) => text !== null);
}

/** Whether the aim is reached; null when there is none, or nothing was measured. */
export const isReached = ({ value, aim }: Figure): boolean | null =>
  aim === undefined || Number.isNaN(value) ? null : value <= aim;
