/** One figure of the bench. */
export interface Row {
  readonly name: string;
  /** Our figure and the peer's, in `unit`. */
  readonly ours: number;
  /** NaN where nothing is measured beside ours. */
  readonly peer: number;
  readonly unit: string;
  /** How many times better ours is: peer ÷ ours where less is better, ours ÷ peer where more is. */
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
  readonly ratio: number;
  readonly against: string;
  readonly tried?: string;
}

const made = (figures: Figures, goal: string | null, reached: boolean | null): Row => ({
  tried: "",
  ...figures,
  goal,
  reached,
});

/** A figure that nothing is asked of. */
export const information = (figures: Figures): Row => made(figures, null, null);

/** A figure whose ratio must be at least `times`. */
export const timesBetter = (times: number, figures: Figures): Row =>
  made(figures, `≥ ${times}×`, figures.ratio >= times);

/** A figure of ours that must be at most `most`. */
export const atMost = (most: number, figures: Figures): Row =>
  made(figures, `≤ ${most} ${figures.unit}`, figures.ours <= most);

/** A figure of ours that must be at most `times` the peer's; its ratio is peer ÷ ours. */
export const withinTimes = (times: number, figures: Figures): Row =>
  made(figures, `≤ ${times}× the peer's`, figures.ratio * times >= 1);
