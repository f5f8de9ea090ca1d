/** For what no event tells of. Where there is an event, await that. */
const LIMIT_MS = 60_000;
const LOOK_MS = 5;

/**
 * Resolves when this holds.
 * @throws Error after a minute of not holding, with what was waited for
 */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += LOOK_MS) {
    if (waitedMs > LIMIT_MS) throw new Error(`In vain for a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
