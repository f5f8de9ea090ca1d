/** PostgreSQL as a site has it that loses nothing: a primary and a synchronous standby, each of which can be killed. */
import { execFileSync } from "node:child_process";
import { appendFileSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { ownerOf, PROGRAMS, pidsOf, USER } from "./postgres.js";
import { freePort, ServerProcess, scratchFolder } from "./process.js";

/** What the standby calls itself. */
const STANDBY = "standby";
const COMMON = [
  "listen_addresses = '127.0.0.1'",
  "unix_socket_directories = ''",
  "shared_buffers = 16MB",
  "max_connections = 100",
  "wal_level = replica",
  "max_wal_senders = 8",
  "min_wal_size = 32MB",
  "max_wal_size = 64MB",
  "hot_standby = on",
  "wal_receiver_timeout = 3s",
  "wal_retrieve_retry_interval = 200ms",
];

/** One server with its folder, which outlives its process. */
export class PostgresNode {
  private server: ServerProcess | null = null;

  private constructor(
    private readonly folder: string,
    readonly port: number,
  ) {}

  /** A new cluster. @param folder where it lies */
  static async create(folder = scratchFolder("postgres")): Promise<PostgresNode> {
    const node = await PostgresNode.in(folder);
    const args = ["--no-sync", "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C"];
    node.run("initdb", ["-D", node.data, ...args]);
    node.set([...COMMON, `port = ${node.port}`]);
    return node;
  }

  /** A copy of a running one, which follows it. */
  static async follow(primary: PostgresNode): Promise<PostgresNode> {
    const node = await PostgresNode.copy(primary);
    writeFileSync(join(node.data, "standby.signal"), "");
    node.set([
      `primary_conninfo = 'host=127.0.0.1 port=${primary.port} user=${USER} application_name=${STANDBY}'`,
    ]);
    return node;
  }

  /** A base backup of a running one. */
  static async copy(primary: PostgresNode): Promise<PostgresNode> {
    const node = await PostgresNode.in(scratchFolder("postgres"));
    const from = `host=127.0.0.1 port=${primary.port} user=${USER}`;
    node.run("pg_basebackup", ["-d", from, "-D", node.data, "-X", "stream", "-c", "fast", "--no-sync"]);
    node.set([`port = ${node.port}`, "synchronous_standby_names = ''"]);
    return node;
  }

  private static async in(folder: string): Promise<PostgresNode> {
    const owner = ownerOf();
    const data = join(folder, "data");
    mkdirSync(data, { mode: 0o700, recursive: true });
    if (owner !== null) for (const path of [folder, data]) chownSync(path, owner.uid, owner.gid);
    return new PostgresNode(folder, await freePort());
  }

  get data(): string {
    return join(this.folder, "data");
  }

  /** Settings for its next start, or the next {@link reload}. */
  set(settings: readonly string[]): void {
    appendFileSync(join(this.data, "postgresql.auto.conf"), `${settings.join("\n")}\n`);
  }

  async start(): Promise<void> {
    this.server = await ServerProcess.start(`${PROGRAMS}/postgres`, ["-D", this.data], {
      ...ownerOf(),
      cwd: this.folder,
      folder: scratchFolder("postgres-run"),
      port: this.port,
      ready: /ready to accept/,
    });
  }

  /** Reads its log up to where its settings say, and goes on from there as a primary. */
  async recover(): Promise<void> {
    writeFileSync(join(this.data, "recovery.signal"), "");
    await this.start();
    while ((await this.query("SELECT pg_is_in_recovery() AS is"))[0]?.is === true) await wait(50);
  }

  /** Every process of it at once, as by a loss of power; what was written stays. */
  async kill(): Promise<void> {
    const { server } = this;
    this.server = null;
    this.signal("SIGKILL", server);
    await server?.close();
    await rm(join(this.data, "postmaster.pid"), { force: true });
  }

  pause(): void {
    this.signal("SIGSTOP", this.server);
  }

  resume(): void {
    this.signal("SIGCONT", this.server);
  }

  reload(): void {
    this.server?.reload();
  }

  async close(): Promise<void> {
    if (this.server !== null) await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Runs one statement, as the superuser. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ host: "127.0.0.1", port: this.port, user: USER, database: USER });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Makes every commit wait for the standby, once that follows. */
  async waitForStandby(): Promise<void> {
    this.set([`synchronous_standby_names = '${STANDBY}'`]);
    this.reload();
    const sync =
      "SELECT 1 FROM pg_stat_replication WHERE application_name = 'standby' AND sync_state = 'sync'";
    while ((await this.query(sync)).length === 0) await wait(50);
  }

  private signal(name: NodeJS.Signals, server: ServerProcess | null): void {
    if (server === null) return;
    for (const pid of pidsOf(server.pid)) {
      try {
        process.kill(pid, name);
      } catch (failure) {
        if ((failure as NodeJS.ErrnoException).code !== "ESRCH") throw failure;
      }
    }
  }

  private run(program: string, args: readonly string[]): void {
    execFileSync(`${PROGRAMS}/${program}`, args, { cwd: this.folder, ...ownerOf(), stdio: "pipe" });
  }
}
