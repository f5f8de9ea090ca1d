/** The process: streams, signals, keychain, browser and programs of this machine, and the status it ends with. */
import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { basename } from "node:path";
import { Exit, startReason } from "./cli/failure.js";
import { tellFailure } from "./cli/output.js";
import { Secrets } from "./cli/secrets.js";
import { SECRET_VARIABLES, type System } from "./cli/system.js";
import { run, unexpected } from "./program.js";
import { systemKeychain } from "./store/keychain.js";

/** An opener that has not failed by then has opened something. */
const OPENER_MS = 5_000;
/** A program that takes a text takes it at once. */
const TAKER_MS = 5_000;

const interruption = new AbortController();
/** What `auth exec` runs: Ctrl-C is its own matter, and reaches it by itself. */
let child: ChildProcess | null = null;

/** Runs the command line, and ends the process with its exit status. */
export async function main(words: readonly string[]): Promise<never> {
  heedSignals();
  const system = machine();
  // What nobody awaits may fail too: reported as all else, without Node's own stack trace, which quotes the message.
  process.on("uncaughtException", (failure) => {
    const json = words.some((word) => /^--json(=|$)/.test(word));
    tellFailure(system, unexpected(failure, system), json);
    process.exit(Exit.FAILED);
  });
  const exit = await run(words, system);
  // A connection that is kept alive must not hold the process; what was written must leave it.
  return new Promise(() =>
    process.stdout.write("", () => process.stderr.write("", () => process.exit(exit))),
  );
}

function heedSignals(): void {
  process.on("SIGINT", () => {
    if (child === null) interruption.abort();
  });
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (child === null) interruption.abort();
      else child.kill(signal);
    });
  }
  process.stdout.on("error", (failure: NodeJS.ErrnoException) => {
    // `motekey … | head` is no failure.
    process.exit(failure.code === "EPIPE" ? Exit.DONE : Exit.FAILED);
  });
}

function machine(): System {
  // The browser's helpers inherit the process's environment, whatever they are given.
  const env = { ...process.env };
  for (const name of SECRET_VARIABLES) delete process.env[name];
  return {
    // Each is made when it is asked for, with all that Node reads for it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env,
    directory: process.cwd(),
    platform: process.platform,
    // Beside this file also where it is bundled: a bundle of its own.
    keychain: systemKeychain(process.platform, new URL("./keychain-process.cjs", import.meta.url), {
      interrupted: interruption.signal,
    }),
    benchPage: new URL("./bench-page.js", import.meta.url),
    ports: {
      list: async () => (await serialPorts()).list(),
      open: async (info, baudRate) => (await serialPorts()).open(info, baudRate),
    },
    now: Date.now,
    async openBrowser(url) {
      const { default: open } = await import("open");
      await opened(await open(url));
    },
    runProgram,
    pipeTo,
    interrupted: interruption.signal,
    secrets: new Secrets(),
  };
}

/** Read when a command asks for ports. */
const serialPorts = async () => (await import("./serial/system-ports.js")).systemPorts(process.platform);

/** xdg-open and its like end with a status that says whether anything opened; one that runs on is the browser. */
function opened(opener: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    opener.ref();
    const started = setTimeout(resolve, OPENER_MS);
    opener.once("error", reject);
    opener.once("exit", (code, signal) => {
      clearTimeout(started);
      if (code === 0) resolve();
      else reject(new Error(`${basename(opener.spawnfile)} ended with ${signal ?? `status ${code}`}`));
    });
  });
}

const pipeTo: System["pipeTo"] = async (program, words, input) => {
  const { spawn } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    // What serves the clipboard lives on, and would hold a pipe; the text's taker itself ends.
    const taker = spawn(program, [...words], { stdio: ["pipe", "ignore", "ignore"], timeout: TAKER_MS });
    taker.once("error", (failure) => reject(new Error(startReason(failure))));
    taker.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`ended with ${signal ?? `status ${code}`}`));
    });
    // It may end without reading.
    taker.stdin.on("error", () => undefined).end(input);
  });
};

const runProgram: System["runProgram"] = async (program, words, env) => {
  const { spawn } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    child = spawn(program, [...words], { stdio: "inherit", env });
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
};
