import { type ChildProcess, spawn } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { XS_WORKER, xsMissing } from "./install.mjs";

/** What one command to the engine gave, and what it cost. */
export interface XsReply {
  /** The completion value if it was an ArrayBuffer (or had one as `result`); empty otherwise. */
  bytes: Uint8Array;
  /** Computrons, the engine's own measure of work. Natives weigh unevenly: see microseconds too. */
  compute: number;
  /** Slots in use after the command (16 bytes each on a microcontroller, 32 here). */
  heapCount: number;
  /** Rise of {@link heapCount} in this command: the slots it allocated, if no garbage collection ran in it. */
  slots: number;
  /** From the engine having read the command to its answer, host calls included. */
  microseconds: number;
}

/** What is alive in the engine, garbage not counted. */
export interface XsSnapshot {
  slots: number;
  chunkBytes: number;
}

/** How to start an engine. */
export interface XsOptions {
  /** The engine's program, where it is not the plain one (`native.mjs`). */
  program?: string;
  /** What it writes to stderr is dropped. */
  isQuiet?: boolean;
  /** Answers the engine's `issueCommand(arrayBuffer)`; the engine stands still until then. */
  onCommand?: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** Computrons one command may take; the engine ends when it takes more. 0, the default: no limit. */
  computronLimit?: number;
  /**
   * Size of the heap for strings, buffers and array contents, in bytes; some 20,000 are the engine's own.
   * Default 32 MiB. A small one makes garbage collections frequent. It grows by 4 MiB when it overflows.
   */
  chunkBytes?: number;
}

/** A running engine. Commands are carried out one after another; a rejected one leaves the engine usable. */
export interface Xs {
  /** Evaluates a script in the global scope, and the promise jobs it leaves. */
  evaluate(source: string): Promise<XsReply>;
  /** Evaluates an expression and gives `String(value)`. It allocates: not for measuring. */
  text(expression: string): Promise<string>;
  /** Loads an ES module from a file, with its relative imports. */
  importModule(path: string): Promise<XsReply>;
  /** Calls the global function `handleCommand(arrayBuffer)`. */
  command(bytes: Uint8Array): Promise<XsReply>;
  /** Collects garbage and measures what is left. */
  snapshot(): Promise<XsSnapshot>;
  /** How often a garbage collection was seen since the start; at most one is seen per command. */
  collections(): Promise<number>;
  /** Ends the engine. Commands under way are rejected. */
  close(): Promise<void>;
}

/** Bytes of a slot in a build for 64-bit machines (xsAll.h, struct sxSlot). */
const SLOT_BYTES = 32;
const NO_METER = { currentHeapCount: 0, compute: 0, timestamps: [0] };
const EXIT_TOO_MUCH_COMPUTATION = 17;

/** A dropped object tells of a garbage collection, and arms its successor. */
const PRELUDE = `
globalThis.$collections = 0;
(function () {
  const registry = new FinalizationRegistry(() => { $collections++; arm(); });
  const arm = () => registry.register({}, 0);
  arm();
})();
globalThis.$bytes = (value) => new TextEncoder().encode(String(value)).buffer;`;

let snapshots = 0;

/**
 * Starts an XS engine (XS 13.3, `xsnap-worker`) as a child process.
 *
 * @throws when it is not installed, with what to do about it
 */
export async function startXs(options: XsOptions = {}): Promise<Xs> {
  const missing = xsMissing();
  if (missing !== null) throw new Error(missing);
  let worker = new Worker(options, []);
  await worker.send("e", PRELUDE);
  const { chunkBytes } = options;
  if (chunkBytes !== undefined) {
    worker = await withSnapshot(worker, async (path) => {
      await worker.close();
      const snapshot = await readFile(path);
      snapshot.writeInt32LE(chunkBytes, snapshot.indexOf("CREA") + 4);
      await writeFile(path, snapshot);
      const smaller = new Worker(options, ["-r", path]);
      await smaller.send("R", "");
      return smaller;
    });
  }

  const read = async (expression: string) =>
    Buffer.from((await worker.send("e", `$bytes(${expression})`)).bytes).toString();
  return {
    evaluate: (source) => worker.send("e", source),
    text: read,
    importModule: (path) => worker.send("m", path),
    command: (bytes) => worker.send("?", bytes),
    collections: async () => Number(await read("$collections")),
    close: () => worker.close(),
    snapshot: () => withSnapshot(worker, async (path) => measure(await readFile(path))),
  };
}

async function withSnapshot<T>(worker: Worker, use: (path: string) => Promise<T>): Promise<T> {
  snapshots++;
  const path = join(tmpdir(), `motekey-xs-${process.pid}-${snapshots}.snapshot`);
  try {
    await worker.send("w", path);
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

/** A snapshot is an XS_M atom that holds atoms: 4 bytes of size (big-endian, head included), 4 of name. */
function measure(snapshot: Buffer): XsSnapshot {
  const size = new Map<string, number>();
  for (let at = 8; at < snapshot.length; at += snapshot.readUInt32BE(at)) {
    size.set(snapshot.toString("latin1", at + 4, at + 8), snapshot.readUInt32BE(at) - 8);
  }
  return { slots: (size.get("HEAP") ?? Number.NaN) / SLOT_BYTES, chunkBytes: size.get("BLOC") ?? Number.NaN };
}

interface Command {
  kind: string;
  body: Buffer;
  resolve: (reply: XsReply) => void;
  reject: (error: Error) => void;
}

/** The child process: netstrings go to its file descriptor 3 and come from 4. */
class Worker {
  readonly #child: ChildProcess;
  readonly #to: Writable;
  readonly #options: XsOptions;
  readonly #exited: Promise<void>;
  /** The first one is with the engine; the next must wait, for a host call in it would read it as its answer. */
  readonly #commands: Command[] = [];
  #input: Buffer = Buffer.alloc(0);
  #heapCount = 0;
  #ended: Error | null = null;

  constructor(options: XsOptions, args: string[]) {
    const limit = options.computronLimit ?? 0;
    const all = limit > 0 ? ["motekey", "-l", String(limit), ...args] : ["motekey", ...args];
    this.#options = options;
    this.#child = spawn(options.program ?? XS_WORKER, all, {
      stdio: ["ignore", "inherit", options.isQuiet === true ? "ignore" : "inherit", "pipe", "pipe"],
    });
    this.#to = this.#child.stdio[3] as Writable;
    this.#to.on("error", () => {}); // the exit tells more
    (this.#child.stdio[4] as Readable).on("data", (bytes: Buffer) => {
      this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
      this.#readMessages();
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once("error", (error) => this.#end(error));
      this.#child.once("close", (code, signal) => {
        const cause = code === EXIT_TOO_MUCH_COMPUTATION ? "it took too many computrons" : (signal ?? code);
        this.#end(new Error(`The XS engine has ended (${cause})`));
        resolve();
      });
    });
  }

  send(kind: string, body: string | Uint8Array): Promise<XsReply> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(this.#ended);
      const bytes = Buffer.from(body as Uint8Array); // a string gives its UTF-8
      if (this.#commands.push({ kind, body: bytes, resolve, reject }) === 1) this.#write(kind, bytes);
    });
  }

  async close(): Promise<void> {
    this.#end(new Error("The XS engine was closed"));
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const command of this.#commands.splice(0)) command.reject(this.#ended);
  }

  #write(kind: string, body: Buffer): void {
    this.#to.write(`${body.length + 1}:${kind}`);
    this.#to.write(body);
    this.#to.write(",");
  }

  #readMessages(): void {
    for (;;) {
      const colon = this.#input.indexOf(":");
      if (colon < 0) return;
      const end = colon + 1 + Number(this.#input.toString("latin1", 0, colon));
      if (this.#input.length <= end) return;
      const message = this.#input.subarray(colon + 1, end);
      this.#input = this.#input.subarray(end + 1);
      this.#dispatch(String.fromCharCode(message[0]), message.subarray(1));
    }
  }

  #dispatch(kind: string, body: Buffer): void {
    if (kind === "?") {
      void this.#answer(body);
      return;
    }
    const done = this.#commands.shift();
    if (kind === ".") done?.resolve(this.#reply(body));
    else
      done?.reject(
        new Error(`In the XS engine: ${body.toString() || "the module threw; its error is above"}`),
      );
    if (this.#commands.length > 0) this.#write(this.#commands[0].kind, this.#commands[0].body);
  }

  async #answer(question: Buffer): Promise<void> {
    const { onCommand } = this.#options;
    if (onCommand === undefined) {
      this.#end(new Error("The XS engine called issueCommand(), but startXs() was given no onCommand"));
      this.#child.kill("SIGKILL");
      return;
    }
    try {
      this.#write("/", Buffer.from(await onCommand(question)));
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
      this.#child.kill("SIGKILL");
    }
  }

  /** The answer is the meter as JSON, a byte 1, and the bytes. */
  #reply(body: Buffer): XsReply {
    const separator = body.indexOf(1);
    const meter = separator < 0 ? NO_METER : JSON.parse(body.toString("latin1", 0, separator));
    const slots = meter.currentHeapCount - this.#heapCount;
    this.#heapCount = meter.currentHeapCount;
    return {
      bytes: body.subarray(separator + 1),
      compute: meter.compute,
      heapCount: meter.currentHeapCount,
      slots,
      microseconds: (meter.timestamps.at(-1) - meter.timestamps[0]) * 1e6,
    };
  }
}
