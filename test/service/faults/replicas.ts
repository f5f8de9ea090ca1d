/** Three replicas in processes of their own, each of which reaches its database by a way that can be cut. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ServiceOptions } from "../../../host-sim/service/index.js";
import { Way } from "../../servers/way.js";
import type { Place } from "./load.js";

const HOUR_MS = 3_600_000;
/** How wrong the clock of each replica's machine is. */
const CLOCKS = [0, HOUR_MS, -HOUR_MS] as const;
const PROGRAMS = { good: "../replica.ts", stale: "./stale-replica.ts" } as const;

export class Replicas {
  readonly places: Place[] = CLOCKS.map(() => null);
  private readonly children: (ChildProcess | null)[] = CLOCKS.map(() => null);

  private constructor(
    readonly ways: readonly Way[],
    private readonly options: ServiceOptions,
  ) {}

  /** @param databasePort where the primary is now */
  static async prepare(databasePort: number, options: ServiceOptions): Promise<Replicas> {
    const ways = await Promise.all(CLOCKS.map(() => Way.start(databasePort)));
    return new Replicas(ways, options);
  }

  /** Starts one, or starts it again. */
  async start(
    at: number,
    more: Partial<ServiceOptions> = {},
    program: keyof typeof PROGRAMS = "good",
  ): Promise<void> {
    const file = fileURLToPath(new URL(PROGRAMS[program], import.meta.url));
    const child = fork(file, { execArgv: ["--import", "tsx"] });
    this.children[at] = child;
    const url = `postgresql://postgres@127.0.0.1:${this.ways[at]?.port}/postgres`;
    child.send({ ...this.options, database: { url }, ...more, clockShiftMs: CLOCKS[at] });
    const [said] = (await once(child, "message")) as [NonNullable<Place> & { reason?: string }];
    if (said.reason !== undefined) throw new Error(`Replica ${at}: ${said.reason}`);
    this.places[at] = said;
  }

  async kill(at: number): Promise<void> {
    const child = this.children[at] ?? null;
    this.places[at] = null;
    this.children[at] = null;
    if (child === null || child.exitCode !== null) return;
    const over = once(child, "exit");
    child.kill("SIGKILL");
    await over;
  }

  /** Where those are that run. */
  urls(): string[] {
    return this.places.flatMap((place) => place?.httpUrl ?? []);
  }

  signal(at: number, name: "SIGSTOP" | "SIGCONT"): void {
    this.children[at]?.kill(name);
  }

  /** All of them ask another primary from now on. */
  lead(databasePort: number): void {
    for (const way of this.ways) way.lead(databasePort);
  }

  async close(): Promise<void> {
    await Promise.all(this.children.map((_, at) => this.kill(at)));
    for (const way of this.ways) way.close();
  }
}
