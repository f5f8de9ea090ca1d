/** Time limits that fire, and signals that are held. */

/**
 * What `work` resolves to, unless the time is over or `interrupted` aborts first; the signal then ends the work.
 *
 * The timer is held here. On Node 20 `AbortSignal.any()` holds the signals that it watches weakly: a garbage
 * collection removes an `AbortSignal.timeout()` that nobody else holds, and the limit never fires.
 *
 * @param late what it rejects with when the time is over
 * @param interrupted rejects with its reason
 */
export function waitFor<T>(
  limitMs: number,
  late: Error,
  work: (ended: AbortSignal) => Promise<T>,
  interrupted?: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const ended = new AbortController();
    const end = (reason: unknown): void => {
      ended.abort(reason);
      reject(reason);
    };
    const interrupt = (): void => end(interrupted?.reason);
    if (interrupted?.aborted === true) return interrupt();
    const timer = setTimeout(end, limitMs, late);
    interrupted?.addEventListener("abort", interrupt, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      interrupted?.removeEventListener("abort", interrupt);
    };
    work(ended.signal).finally(settle).then(resolve, reject);
  });
}

/** A signal that aborts, with its reason, as the first of these does, which hold it. */
export function whichever(...signals: readonly AbortSignal[]): AbortSignal {
  const first = new AbortController();
  for (const signal of signals) {
    const abort = (): void => first.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true, signal: first.signal });
  }
  return first.signal;
}
