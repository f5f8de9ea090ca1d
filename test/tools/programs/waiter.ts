/** Waits for what never comes, with collections running; says the failure's words. Needs --expose-gc. */
import { waitFor } from "../../../tools/cli/wait.js";

const collect = setInterval(() => globalThis.gc?.(), 5);
if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
const never = new Promise<never>(() => undefined);
const interrupted = new AbortController();
const failure: unknown = await waitFor(
  200,
  new Error("the time is over"),
  () => never,
  interrupted.signal,
).catch((reason: unknown) => reason);
clearInterval(collect);
process.stdout.write((failure as Error).message);
