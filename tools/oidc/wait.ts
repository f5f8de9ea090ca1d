import type { Failure } from "../cli/failure.js";
import { interrupted } from "../cli/prompt.js";
import type { System } from "../cli/system.js";

/**
 * What `work` resolves to, unless somebody presses Ctrl-C or the time is over first. The signal ends the work.
 * @param late the failure when the time is over
 */
export async function waitFor<T>(
  system: System,
  limitMs: number,
  late: Failure,
  work: (ended: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeout = AbortSignal.timeout(limitMs);
  const ended = AbortSignal.any([system.interrupted, timeout]);
  const reason = (): Failure => (system.interrupted.aborted ? interrupted() : late);
  if (ended.aborted) throw reason();
  return new Promise<T>((resolve, reject) => {
    ended.addEventListener("abort", () => reject(reason()), { once: true });
    work(ended).then(resolve, reject);
  });
}
