/** The command line as a process of its own, as people start it. */

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { compiled } from "../compiled.js";
import type { Said } from "./world.js";

/** What is started: by its path, so that no shell and no PATH is needed. */
export const MOTEKEY = fileURLToPath(new URL("../../tools/bin/motekey.mjs", import.meta.url));

/** How a process is started. */
export interface ProcessOptions {
  /** The whole environment, but for PATH and HOME. */
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly directory?: string;
  /** Words before the interpreter, such as a program that limits what it may do. */
  readonly under?: readonly string[];
  /** Told the process when it was started. */
  readonly started?: (child: ChildProcess) => void;
}

/** Runs a command line given as words. A process that is ended by a signal has the exit status -1. */
export function runProcess(words: readonly string[], options: ProcessOptions = {}): Promise<Said> {
  const { env = {}, input = "", directory, under = [] } = options;
  const [program = "", ...rest] = [...under, process.execPath, MOTEKEY, ...words];
  const how: SpawnOptions = {
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", ...env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(directory !== undefined && { cwd: directory }),
  };
  const child = spawn(program, rest, how);
  options.started?.(child);
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (chunk) => (stdout += chunk));
  child.stderr?.on("data", (chunk) => (stderr += chunk));
  child.stdin?.on("error", () => undefined).end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ exit: code ?? -1, stdout, stderr }));
  });
}

const HOLDER = "test/tools/programs/holder.ts";

/** Has another process hold the lock of a file; resolves, when it has it, to what ends that. */
export async function holdLock(file: string): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, [await compiled(HOLDER), file], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  return async () => {
    child.stdin.end();
    await ended;
  };
}

/**
 * Skips the suite or test where a program is missing, with a message that names Debian's package; in CI it fails.
 * @param context `this` of a mocha hook or test
 */
export function needProgram(context: Mocha.Context, program: string, debianPackage: string): void {
  if (spawnSync("sh", ["-c", `command -v ${program}`]).status === 0) return;
  const message = `${program} is not here; install it (Debian: apt-get install ${debianPackage})`;
  if (process.env.CI) throw new Error(message);
  console.warn(`      skipped: ${message}`);
  context.skip();
}
