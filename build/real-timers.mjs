// What a test's fake timers replace (vitest's and sinon's do by default), as it was before: esbuild puts these names in
// the place of the globals in all that is bundled, so that broker and sockets go on while an app's own time stands still.

export { performance } from "node:perf_hooks";
export {
  clearImmediate,
  clearInterval,
  clearTimeout,
  setImmediate,
  setInterval,
  setTimeout,
} from "node:timers";

const { Date: RealDate, queueMicrotask: realQueueMicrotask } = globalThis;

export { RealDate as Date, realQueueMicrotask as queueMicrotask };

/** A name of its own: `process.nextTick` is replaced by it here, too. */
export const { nextTick: realNextTick } = process;
