import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { compile } from "../compiled.js";
import { interleave, type Samples } from "./samples.js";

/** The programs that rows run in processes of their own, so that none warms up or fills the heap of another. */
const PROGRAMS = [
  "cloud",
  "codec",
  "connects",
  "fleet",
  "memory",
  "nvs",
  "pglite",
  "responder",
  "round-trip",
  "select-peer",
  "service",
  "service-load",
] as const;

/** One of `test/bench/programs`. */
export type ProgramName = (typeof PROGRAMS)[number];

/** All programs, compiled once: what is measured is plain JavaScript, without a loader in its process. */
let folder: Promise<string> | undefined;

/** A program that runs. */
export class Program {
  private constructor(
    private readonly child: ChildProcess,
    private readonly name: ProgramName,
  ) {}

  /**
   * Starts a program with what it is to do.
   * @param flags of Node, such as `--jitless`
   */
  static async start(name: ProgramName, task: object, flags: readonly string[] = []): Promise<Program> {
    folder ??= compile(PROGRAMS.map((program) => `test/bench/programs/${program}.ts`));
    const child = spawn(process.execPath, [...flags, `${await folder}/${name}.js`], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      execArgv: [],
    } as object);
    child.send(task);
    return new Program(child, name);
  }

  /**
   * The program's next message.
   * @throws Error when it ends without one
   */
  async answer<Answer>(): Promise<Answer> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const ended = once(this.child, "exit", { signal }).then(([code]) => {
      throw new Error(`test/bench/programs/${this.name}.ts ended with ${code}: see what it said above`);
    });
    ended.catch(() => {});
    const [answer] = (await Promise.race([once(this.child, "message", { signal }), ended])) as [Answer];
    waiting.abort();
    return answer;
  }

  /** Has it do something more, and resolves with what comes of it. */
  async ask<Answer>(more: object): Promise<Answer> {
    this.child.send(more);
    return this.answer<Answer>();
  }

  /** Has it take one more sample. */
  sample(): Promise<number> {
    return this.ask<number>({});
  }

  /** Ends it. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill();
    await ended;
  }
}

/** Runs a program to its one answer. */
export async function run<Answer>(
  name: ProgramName,
  task: object,
  flags: readonly string[] = [],
): Promise<Answer> {
  const program = await Program.start(name, task, flags);
  try {
    return await program.answer<Answer>();
  } finally {
    await program.stop();
  }
}

/**
 * Samples of what is compared, in turns: each comes from a process that does nothing else, so that none warms up,
 * shapes the code of, or collects the garbage of another.
 * @param tasks by the name of what does them
 */
export async function inTurns<Name extends string>(
  program: ProgramName,
  tasks: Readonly<Record<Name, object>>,
  rounds: number,
  flags: readonly string[] = [],
): Promise<Samples<Name>> {
  const names = Object.keys(tasks) as Name[];
  const programs: Program[] = [];
  try {
    const samplers: Partial<Record<Name, () => Promise<number>>> = {};
    for (const name of names) {
      const started = await Program.start(program, tasks[name], flags);
      programs.push(started);
      await started.answer();
      samplers[name] = () => started.sample();
    }
    return await interleave(samplers as Record<Name, () => Promise<number>>, rounds);
  } finally {
    for (const started of programs) await started.stop();
  }
}

/** Runs `use` beside a responder of its own; `port` is where it listens, on 127.0.0.1. */
export async function besideResponder<Result>(use: (port: number) => Promise<Result>): Promise<Result> {
  const responder = await Program.start("responder", {});
  try {
    return await use(await responder.answer<number>());
  } finally {
    await responder.stop();
  }
}
