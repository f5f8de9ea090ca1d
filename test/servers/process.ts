import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

/** How long a server may take to end by itself. */
const END_LIMIT_MS = 10_000;

const CONNECT_PAUSE_MS = 20;

/** Below those that systems choose for connections: no connection takes one between our look and the server's start. */
const PORTS = [20_000, 32_000] as const;
/** Each of mocha's processes has its own share of them. */
const SHARES = 4;
const share = Number(process.env.MOCHA_WORKER_ID ?? 0) % SHARES;
const givenPorts = new Set<number>();

/**
 * Where a server's program is. Without it the suite or test is skipped with a message that says what to install;
 * in CI this throws instead.
 * @param context `this` of a mocha hook or test
 * @param name looked for in PATH and where servers lie; or an absolute path
 */
export function findProgram(context: Mocha.Context, name: string, debianPackage: string): string {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  const program = folders.map((folder) => resolve(folder, name)).find(isExecutable);
  if (program !== undefined) return program;
  const message = `${name} is not here; install it (Debian: apt-get install ${debianPackage})`;
  if (process.env.CI) throw new Error(message);
  console.warn(`      skipped: ${message}`);
  return context.skip();
}

/** A port that nobody listens on, another each time. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS);
    if (port % SHARES !== share) continue;
    if (givenPorts.has(port)) continue;
    givenPorts.add(port);
    if (await isFree(port)) return port;
  }
}

/** A folder for a server's files, removed with it. */
export function scratchFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `motekey-${name}-`));
}

/** A server's process, and the folder that it works in. */
export class ServerProcess {
  /** Its output, line by line. */
  readonly said: string[] = [];

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /**
   * Starts a server; resolves when it says that it is ready and takes connections, rejects with its last words.
   * @param folder removed at the end
   * @param ready a line of its output
   */
  static async start(
    program: string,
    args: readonly string[],
    { folder, ready, port, ...options }: SpawnOptions & { folder: string; ready: RegExp; port: number },
  ): Promise<ServerProcess> {
    const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    const server = new ServerProcess(child, folder);
    const { said } = server;
    try {
      await new Promise<void>((started, reject) => {
        child.once("error", reject);
        child.once("exit", (code) => {
          reject(new Error(`${program} ended with ${code}: ${said.slice(-20).join("; ")}`));
        });
        for (const stream of [child.stdout, child.stderr]) {
          createInterface({ input: stream as NodeJS.ReadableStream }).on("line", (line) => {
            said.push(line);
            if (ready.test(line)) started();
          });
        }
      });
      await taken(port, child);
    } catch (failure) {
      await server.close();
      throw failure;
    }
    return server;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Has it read its files again. */
  reload(): void {
    this.child.kill("SIGHUP");
  }

  async close(): Promise<void> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      const exited = once(child, "exit");
      const timer = globalThis.setTimeout(() => child.kill("SIGKILL"), END_LIMIT_MS);
      child.kill();
      await exited;
      clearTimeout(timer);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Some say that they are ready a moment before they listen. */
async function taken(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    const socket = connect({ host: "127.0.0.1", port });
    try {
      await once(socket, "connect");
      return;
    } catch (failure) {
      if (child.exitCode !== null || child.signalCode !== null) throw failure;
      await setTimeout(CONNECT_PAUSE_MS);
    } finally {
      socket.destroy();
    }
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
