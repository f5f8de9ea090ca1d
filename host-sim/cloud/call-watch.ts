import type { FrameProof } from "./types.js";

/** A call of somebody who has proved who they are. */
export interface WatchedCall {
  /** One that there is; "(unknown)" stands for all others. */
  method: string;
  proof: FrameProof;
}

/** How it ended. */
export interface CallEnd {
  /** 0 is success; null: no reply was made. */
  code: number | null;
  /** Is it a reply that was given before? */
  isRepeated: boolean;
}

/** Hears of each call when it comes in; what it returns hears of its end, once. */
export type CallWatch = (call: WatchedCall) => (end: CallEnd) => void;

/** Nobody watches. */
export const UNWATCHED: CallWatch = () => () => {};
