import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Begins each line that is a result; all else is the engine's talk. */
const MARKER = "@result ";

/**
 * In the engine: tells the test process a text; puts a file into Storage, from where code is run without a copy of
 * it in memory.
 */
const PRELUDE = `
  function tell(text) { print("${MARKER}" + JSON.stringify(text)); }
  function toStorage(name) {
    var piece, size = 0, at = 0, file = E.openFile(name, "r");
    while ((piece = file.read(512)) !== undefined) size += piece.length;
    for (file = E.openFile(name, "r"); at < size; at += piece.length) {
      piece = file.read(512);
      require("Storage").write(name, piece, at, size);
    }
  }\n`;

/** The file that the engine has in the place of flash; it can be given at the start. */
export const FLASH = "espruino.flash";

/** Files by name. */
export type Files = Record<string, string | Buffer>;

/**
 * Where Espruino's build for Linux is: the variable ESPRUINO names it. Without it the suite is skipped, in CI too,
 * since no package brings an interpreter.
 * @param context `this` of a mocha hook or test
 */
export function findEspruino(context: Mocha.Context): string {
  const program = process.env.ESPRUINO;
  if (program !== undefined && program !== "") return program;
  console.warn("      skipped: set ESPRUINO to a Linux build of Espruino (its README_Building.md says how)");
  return context.skip();
}

/** Espruino running one script in a folder of its own, which also holds its flash. */
export class Espruino {
  private readonly told: string[] = [];
  private readonly talk: string[] = [];
  private readonly waiting: { resolve: (text: string) => void; reject: (error: Error) => void }[] = [];
  private readonly exited: Promise<void>;
  private ended: Error | undefined;

  private constructor(
    private readonly program: string,
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on("line", (line) => this.heard(line));
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => this.end(error));
      lines.once("close", () => {
        this.end(new Error(`Espruino has ended: ${this.talk.slice(-8).join(" / ")}`));
        resolve();
      });
    });
  }

  /**
   * Runs a script, which has `tell(text)` and ends with `quit()`.
   * @param files written beside it; `require("fs")` and `E.openFile` find them
   */
  static async start(program: string, script: string, files: Files = {}): Promise<Espruino> {
    return Espruino.boot(program, await mkdtemp(join(tmpdir(), "motekey-espruino-")), script, files);
  }

  private static async boot(
    program: string,
    folder: string,
    script: string,
    files: Files,
  ): Promise<Espruino> {
    for (const [name, content] of Object.entries({ ...files, "script.js": PRELUDE + script })) {
      await writeFile(join(folder, name), content);
    }
    // At the end of its input the engine would end.
    const child = spawn(program, ["script.js"], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
    return new Espruino(program, folder, child);
  }

  /** Cuts the power and runs another script, with the flash and all files as they are. */
  async reboot(script: string, files: Files = {}): Promise<Espruino> {
    await this.kill();
    return Espruino.boot(this.program, this.folder, script, files);
  }

  /** The flash, which holds what lies in Storage. */
  flash(): Promise<Buffer> {
    return readFile(join(this.folder, FLASH));
  }

  /** The next text that the script tells; rejects when the engine ends or a script throws before. */
  next(): Promise<string> {
    const text = this.told.shift();
    if (text !== undefined) return Promise.resolve(text);
    if (this.ended !== undefined) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
    });
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async kill(): Promise<void> {
    this.end(new Error("Espruino was closed"));
    this.child.kill("SIGKILL");
    await this.exited;
  }

  private heard(line: string): void {
    const at = line.indexOf(MARKER);
    if (at >= 0) {
      const text = JSON.parse(line.slice(at + MARKER.length));
      const waiter = this.waiting.shift();
      if (waiter === undefined) this.told.push(text);
      else waiter.resolve(text);
      return;
    }
    this.talk.push(line);
    if (/Uncaught|New interpreter error|HARD FAULT|OUT OF MEMORY/.test(line)) {
      this.end(new Error(`In Espruino: ${line}`));
    }
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.ended);
  }
}
