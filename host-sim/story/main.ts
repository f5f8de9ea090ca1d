/** `npm start`. */
import { tellManyDevices } from "./many-devices.js";
import { tellOneDevice } from "./one-device.js";
import { Teller } from "./teller.js";
import { HELP, parseUsage, type StoryOptions, UsageError } from "./usage.js";

const INTERRUPTED = 130;

async function main(): Promise<number> {
  let options: StoryOptions | null;
  try {
    options = parseUsage(process.argv.slice(2), process.env);
  } catch (failure) {
    if (!(failure instanceof UsageError)) throw failure;
    process.stderr.write(`motekey: ${failure.message} (npm start -- --help)\n`);
    return 2;
  }
  if (options === null) {
    process.stdout.write(HELP);
    return 0;
  }
  return run(options);
}

async function run(options: StoryOptions): Promise<number> {
  const startedAtMs = performance.now();
  const teller = new Teller(process.stdout, options.json, process.env);
  const end = new AbortController();
  // Once: who presses Ctrl-C a second time does not want to wait.
  process.once("SIGINT", () => end.abort(new Error("interrupted")));
  process.once("SIGTERM", () => end.abort(new Error("interrupted")));
  // Nobody reads on (`npm start | head`).
  process.stdout.on("error", () => end.abort(new Error("interrupted")));
  const tell = teller.tell.bind(teller);
  const elapsedMs = (): number => Math.round(performance.now() - startedAtMs);
  try {
    const { devices } = options;
    if (devices === null) await tellOneDevice(options, tell, end.signal);
    else await tellManyDevices({ ...options, devices }, tell, end.signal, teller.progress.bind(teller));
    tell({ event: "done", ok: true, ms: elapsedMs() });
    return 0;
  } catch (failure) {
    const { message } = (end.signal.aborted ? end.signal.reason : failure) as Error;
    tell({ event: "done", ok: false, reason: message, ms: elapsedMs() });
    return end.signal.aborted ? INTERRUPTED : 1;
  }
}

process.exitCode = await main();
