import { printed } from "./figure.js";

/** One figure of the bench. */
export interface Row {
  readonly name: string;
  /** Our figure and the peer's, in `unit`. */
  readonly ours: number;
  /** NaN where nothing is measured beside ours. */
  readonly peer: number;
  readonly unit: string;
  /** How many times better ours is, of the figures as they are printed: peer ÷ ours, or ours ÷ peer where more is better. */
  readonly ratio: number;
  /** What has to hold, in words; null: the figure is for information. */
  readonly goal: string | null;
  readonly reached: boolean | null;
  /** What the peer is, and what both did. */
  readonly against: string;
  /** What was tried for a goal that is hard to reach; told where it is not reached. */
  readonly tried: string;
}

/** A group of rows that are measured together. */
export interface Group {
  readonly name: string;
  /** @param quick fewer and shorter rounds: the shape of the figures, not their worth */
  readonly rows: (quick: boolean) => Promise<Row[]>;
}

/** What all rows name. */
export interface Figures {
  readonly name: string;
  readonly ours: number;
  readonly peer: number;
  readonly unit: string;
  /** More is better; else less is. */
  readonly isMoreBetter?: boolean;
  readonly against: string;
  readonly tried?: string;
}

/** A goal, and whether the row as it is printed reaches it. */
interface Goal {
  readonly words: string;
  readonly isReached: (row: { readonly ours: number; readonly ratio: number }) => boolean;
}

/** The ratio is that of the figures as they are printed: who divides them gets the same. */
const made = (figures: Figures, goal: Goal | null): Row => {
  const { isMoreBetter = false, tried = "", ...rest } = figures;
  const [ours, peer] = [printed(rest.ours), printed(rest.peer)];
  const row = { tried, ...rest, ours, peer, ratio: isMoreBetter ? ours / peer : peer / ours };
  return { ...row, goal: goal?.words ?? null, reached: goal?.isReached(row) ?? null };
};

/** A figure that nothing is asked of. */
export const information = (figures: Figures): Row => made(figures, null);

/** A figure whose ratio must be at least `times`. */
export const timesBetter = (times: number, figures: Figures): Row =>
  made(figures, { words: `≥ ${times}×`, isReached: ({ ratio }) => ratio >= times });

/** A figure of ours that must be at most `most`. */
export const atMost = (most: number, figures: Figures): Row =>
  made(figures, { words: `≤ ${most} ${figures.unit}`, isReached: ({ ours }) => ours <= most });

/** A figure of ours that must be at least `least`. */
export const atLeast = (least: number, figures: Figures): Row =>
  made(figures, { words: `≥ ${least} ${figures.unit}`, isReached: ({ ours }) => ours >= least });

/** A figure of ours that must be at most `times` the peer's; its ratio is peer ÷ ours. */
export const withinTimes = (times: number, figures: Figures): Row =>
  made(figures, { words: `≤ ${times}× the peer's`, isReached: ({ ratio }) => ratio * times >= 1 });
