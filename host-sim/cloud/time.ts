import type { Rule } from "./options.js";

/** The time that a mock cloud lives by. */
export interface CloudTime {
  /** The wall clock, ms since 1970. */
  readonly now: () => number;
  /** Resolves when this much time has passed. */
  later(delayMs: number): Promise<void>;
  /** Time does not go on before this work is done, where it is a test that lets it go on. */
  during(work: Promise<void>): Promise<void>;
}

/** The time of everybody. @param now the wall clock, ms since 1970 */
export const realTime = (now: () => number): CloudTime => ({
  now,
  later: (delayMs) => new Promise((resolve) => void setTimeout(resolve, delayMs).unref()),
  during: (work) => work,
});

/** An option that takes `virtualTime()`. */
export const TIME: Rule = {
  allowed: ["what virtualTime() returned"],
  accepts: (value) => typeof (value as Partial<CloudTime> | null)?.during === "function",
};
