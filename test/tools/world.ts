/** A machine for the command line, in this process: streams that are kept, a clock, a keychain of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Keychain, System } from "../../tools/cli/system.js";
import type { SerialPorts } from "../../tools/serial/ports.js";

/** What one run said, and its exit status. */
export interface Said {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What may differ from run to run. */
export interface RunOptions {
  readonly env?: Record<string, string>;
  /** What is piped in. */
  readonly input?: string;
  readonly directory?: string;
  readonly now?: () => number;
  readonly openBrowser?: (url: string) => Promise<void>;
  readonly runProgram?: System["runProgram"];
  readonly interrupted?: AbortSignal;
  /** The machine's serial ports; without them those that this machine has. */
  readonly ports?: SerialPorts;
  /** Stdout is a terminal that has so many. */
  readonly columns?: number;
  /** Hears all that was said on stdout so far, whenever there is more. */
  readonly onStdout?: (text: string) => void;
  /** Hears all that was said on stderr so far, whenever there is more. */
  readonly onStderr?: (text: string) => void;
}

/** Secrets in memory: for tests of what is above the keychain; the real one has tests of its own. */
export class MemoryKeychain implements Keychain {
  readonly name = "Memory";
  readonly entries = new Map<string, Uint8Array>();
  get(entry: string): Promise<Uint8Array | null> {
    return Promise.resolve(this.entries.get(entry) ?? null);
  }
  set(entry: string, secret: Uint8Array): Promise<void> {
    this.entries.set(entry, Uint8Array.from(secret));
    return Promise.resolve();
  }
  delete(entry: string): Promise<boolean> {
    return Promise.resolve(this.entries.delete(entry));
  }
}

/** A folder with a configuration file that is not there yet, and a keychain. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), "motekey-tools-"));
  readonly config = join(this.folder, "config.json");
  keychain: Keychain = new MemoryKeychain();
  /** The environment of every run. */
  readonly env: Record<string, string> = { MOTEKEY_CONFIG_PATH: this.config };
  /** What the last runs opened in the browser. */
  readonly opened: string[] = [];

  /** Runs a command line given as words. */
  async run(words: readonly string[], options: RunOptions = {}): Promise<Said> {
    // Imported as the commands import their runs: mocha's require() would make second copies of all modules.
    const { Secrets } = await import("../../tools/cli/secrets.js");
    let [stdout, stderr] = ["", ""];
    const stdin = new PassThrough();
    stdin.end(options.input ?? "");
    const system: System = {
      stdin,
      stdout: {
        write: (text) => {
          stdout += text;
          options.onStdout?.(stdout);
        },
        ...(options.columns !== undefined && { isTTY: true, columns: options.columns }),
      },
      stderr: {
        write: (text) => {
          stderr += text;
          options.onStderr?.(stderr);
        },
      },
      env: { ...this.env, ...options.env },
      directory: options.directory ?? this.folder,
      platform: "linux",
      keychain: this.keychain,
      ports: options.ports ?? (await import("../../tools/serial/system-ports.js")).systemPorts("linux"),
      benchPage: new URL("../../tools/.cache/bench-page.js", import.meta.url),
      now: options.now ?? Date.now,
      openBrowser: (url) => {
        this.opened.push(url);
        return options.openBrowser?.(url) ?? Promise.resolve();
      },
      runProgram: options.runProgram ?? (() => Promise.reject(new Error("no programs here"))),
      pipeTo: () => Promise.reject(new Error("no programs here")),
      interrupted: options.interrupted ?? new AbortController().signal,
      secrets: new Secrets(),
    };
    const { run } = await import("../../tools/program.js");
    const exit = await run(words, system);
    return { exit, stdout, stderr };
  }

  /** The same for a line without quotes. */
  line(line: string, options?: RunOptions): Promise<Said> {
    return this.run(
      line.split(" ").filter((word) => word !== ""),
      options,
    );
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
