/** A real PostgreSQL 15, as Debian has it: a cluster of its own in a temporary folder, by a user that may not be root. */
import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KeyPair } from "../../host-sim/cloud/index.js";
import { findProgram, freePort, ServerProcess, scratchFolder } from "./process.js";

/** Where Debian's package puts PostgreSQL's programs. */
export const PROGRAMS = "/usr/lib/postgresql/15/bin";
/** Debian's package makes it: PostgreSQL does not run as root. */
export const USER = "postgres";

/** What it shows, and who issues its clients' certificates. */
export interface PostgresTls {
  server: KeyPair;
  ca: string;
}

/** A running server, and what it is made of. */
export class Postgres {
  private constructor(
    private readonly server: ServerProcess,
    /** `postgresql://…/motekey` */
    readonly url: string,
    readonly port: number,
  ) {}

  /** Starts one, or skips the suite with what to install. */
  static async start(
    context: Mocha.Context,
    settings: readonly string[] = [],
    tls?: PostgresTls,
  ): Promise<Postgres> {
    for (const name of ["initdb", "postgres"]) findProgram(context, `${PROGRAMS}/${name}`, "postgresql");
    return Postgres.launch(settings, tls);
  }

  /** Starts one on a machine that has it. */
  static async launch(settings: readonly string[] = [], tls?: PostgresTls): Promise<Postgres> {
    const [initdb, program] = [`${PROGRAMS}/initdb`, `${PROGRAMS}/postgres`];
    const folder = scratchFolder("postgres");
    const data = join(folder, "data");
    const owner = ownerOf();
    mkdirSync(data);
    if (owner !== null) for (const path of [folder, data]) chownSync(path, owner.uid, owner.gid);
    const options = { cwd: folder, ...owner };
    const args = ["-D", data, "--no-sync", "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C"];
    execFileSync(initdb, args, { ...options, stdio: "ignore" });
    const port = await freePort();
    const common = [
      "listen_addresses = '127.0.0.1'",
      "unix_socket_directories = ''",
      `port = ${port}`,
      "shared_buffers = 32MB",
      "max_connections = 60",
    ];
    if (tls !== undefined) {
      for (const [name, text] of [
        ["server.crt", tls.server.cert],
        ["server.key", tls.server.key],
        ["ca.crt", tls.ca],
      ] as const) {
        writeFileSync(join(data, name), text, { mode: 0o600 });
        if (owner !== null) chownSync(join(data, name), owner.uid, owner.gid);
      }
      common.push("ssl = on", "ssl_ca_file = 'ca.crt'");
    }
    writeFileSync(join(data, "postgresql.auto.conf"), `${[...common, ...settings].join("\n")}\n`);
    const server = await ServerProcess.start(program, ["-D", data], {
      ...options,
      folder,
      port,
      ready: /ready to accept connections/,
    });
    return new Postgres(server, `postgresql://${USER}@127.0.0.1:${port}/postgres`, port);
  }

  get pid(): number {
    return this.server.pid;
  }

  /** Holds it still, as a machine that is paused: no connection ends, and nothing is answered. */
  pause(): void {
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  /** Ends it, also while it is paused. */
  async close(): Promise<void> {
    this.resume();
    await this.server.close();
  }

  private signal(name: NodeJS.Signals): void {
    for (const pid of pidsOf(this.pid)) {
      try {
        process.kill(pid, name);
      } catch (failure) {
        // A connection that ended meanwhile took its process with it.
        if ((failure as NodeJS.ErrnoException).code !== "ESRCH") throw failure;
      }
    }
  }
}

/** A server's own process, and those that it began. */
export function pidsOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return [pid, ...children.trim().split(/\s+/).filter(Boolean).map(Number)];
}

/** Who PostgreSQL runs as; null: as this process. */
export function ownerOf(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const idOf = (flag: string): number => Number(execFileSync("id", [flag, USER], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}
