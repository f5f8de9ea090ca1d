/** Questions on a terminal: asked on stderr, so that stdout holds the answer only. */
import type { Key } from "node:readline";
import { Failure, usage } from "./failure.js";
import type { System } from "./system.js";

/** Can somebody be asked? */
export function hasTerminal(system: System): boolean {
  return system.stdin.isTTY === true && system.stderr.isTTY === true;
}

/** @param instead what to give on the command line where nobody can be asked */
export function needsTerminal(what: string, instead: string): Failure {
  return new Failure("needs_terminal", `${what}, and there is no terminal to ask on.`, instead);
}

/** Ctrl-C. */
export const interrupted = (): Failure => new Failure("interrupted", "Interrupted.");

/**
 * Asks for a line, which is shown as it is typed.
 * @param ended takes the question back
 */
export async function askLine(system: System, question: string, ended?: AbortSignal): Promise<string> {
  const { createInterface } = await import("node:readline");
  const lines = createInterface({
    input: system.stdin,
    output: system.stderr as unknown as NodeJS.WritableStream,
    terminal: true,
    historySize: 0,
  });
  try {
    return await new Promise<string>((resolve, reject) => {
      for (const event of ["SIGINT", "close"]) lines.once(event, () => reject(interrupted()));
      ended?.addEventListener("abort", () => reject(interrupted()), { once: true });
      lines.question(question, resolve);
    });
  } finally {
    lines.close();
  }
}

/**
 * Works, and hears keys meanwhile; what is typed is not shown. Ctrl-Z stops the process, as ever.
 * @param keys what a key does, by its name
 * @param work begins when the keys are heard; the signal ends it on Ctrl-C, which is a key meanwhile
 */
export async function withKeys<T>(
  { stdin }: System,
  keys: Readonly<Record<string, () => void>>,
  work: (stopped: AbortSignal) => Promise<T>,
): Promise<T> {
  const { createInterface } = await import("node:readline");
  const stop = new AbortController();
  const lines = createInterface({ input: stdin, terminal: true, historySize: 0 });
  const press = (_text: string | undefined, { name = "", ctrl = false, meta = false }: Key): void => {
    if (!ctrl && !meta && Object.hasOwn(keys, name)) keys[name]?.();
  };
  stdin.on("keypress", press);
  // Back in the foreground.
  lines.on("SIGCONT", () => lines.resume());
  const pressed = new Promise<never>((_resolve, reject) => {
    lines.once("SIGINT", () => {
      reject(interrupted());
      stop.abort(interrupted());
    });
  });
  try {
    return await Promise.race([work(stop.signal), pressed]);
  } finally {
    stdin.removeListener("keypress", press);
    lines.close();
  }
}

/** Asks a question that only y or yes says yes to. */
export async function askYes(system: System, question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await askLine(system, `${question} [y/N] `)).trim());
}

const ENTER = ["\r", "\n"];
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const CTRL_U = "\u0015";
const ERASE = ["\u007f", "\b"];

/** Asks for a line that is shown as asterisks. */
export async function askSecret(system: System, question: string): Promise<string> {
  const { stdin, stderr } = system;
  // First: who types as soon as the question stands there would be shown the secret.
  stdin.setRawMode?.(true);
  stderr.write(question);
  try {
    const secret = await new Promise<string>((resolve, reject) => {
      const typed: string[] = [];
      stdin.on("data", (chunk: Buffer | string) => {
        for (const key of chunk.toString()) {
          if (key === CTRL_C || (key === CTRL_D && typed.length === 0)) reject(interrupted());
          else if (ENTER.includes(key) || key === CTRL_D) resolve(typed.join(""));
          else echo(system, typed, key);
        }
      });
      stdin.resume();
    });
    system.secrets.keep(secret);
    return secret;
  } finally {
    stdin.removeAllListeners("data");
    stdin.setRawMode?.(false);
    stdin.pause();
    stderr.write("\n");
  }
}

/** Takes one key into what was typed, and shows that it did. */
function echo({ stderr }: System, typed: string[], key: string): void {
  if (key === CTRL_U || ERASE.includes(key)) {
    const erased = typed.splice(key === CTRL_U ? 0 : Math.max(typed.length - 1, 0));
    stderr.write("\b \b".repeat(erased.length));
  } else if (key >= " ") {
    typed.push(key);
    stderr.write("*");
  }
}

/**
 * The first line of what is piped in: a password, or a token.
 * @param bytesMax more than this is refused
 */
export async function readPipedLine(system: System, bytesMax = 64 * 1024): Promise<string> {
  let text = "";
  for await (const chunk of system.stdin) {
    text += chunk.toString();
    if (text.includes("\n") || text.length > bytesMax) break;
  }
  const line = (text.split(/\r?\n/, 1)[0] ?? "").trim();
  system.secrets.keep(line);
  if (text.length > bytesMax) throw usage("What is piped in is too long.", "Its first line is what counts.");
  return line;
}
