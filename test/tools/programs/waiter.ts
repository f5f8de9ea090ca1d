/** Waits for what never comes, with collections running; says the failure's words. Needs --expose-gc. */
import { waitFor, whichever } from "../../../tools/cli/wait.js";

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
process.stdout.write(`${(failure as Error).message}; `);

const [one, other] = [new AbortController(), new AbortController()];
setTimeout(() => other.abort("the other aborted"), 200);
process.stdout.write(
  await new Promise<string>((resolve) => {
    const first = whichever(one.signal, other.signal);
    first.addEventListener("abort", () => resolve(first.reason));
  }),
);
clearInterval(collect);
