/** What clients of the service saw, recorded outside of it. */

/** How something ended: `answered` and what was said, or `failed` where the service, or the way to it, said that it cannot. */
export type Ended =
  | { kind: "counter"; isTaken: boolean }
  | { kind: "token"; token: string }
  | { kind: "check"; isActive: boolean }
  | { kind: "revoked" }
  | { kind: "failed"; why: string };

/** What was asked. */
export type Asked =
  | { kind: "counter"; device: string; counter: number }
  /** Of one (src, id) all that is told is one token. */
  | { kind: "generate"; device: string; id: number; host: string }
  | { kind: "check"; token: string }
  | { kind: "revoke"; device: string; host: string; tokens: readonly string[] }
  /** By a device of ours through the broker, whose frames nobody sees. */
  | { kind: "call"; device: string };

export interface Entry {
  asked: Asked;
  startedMs: number;
  /** By when the caller was to know how it ended. */
  deadlineMs: number;
  endedMs: number;
  ended: Ended;
  /** The replica that was asked over HTTP; null: none, or the broker chose. */
  at: string | null;
}

/** A time in which these replicas run, and cannot reach a database that writes. */
export interface Away {
  at: readonly string[];
  fromMs: number;
  toMs: number;
}

/** A time from which nothing is good that was given before: a restored database. */
export interface Epoch {
  atMs: number;
}

export class History {
  readonly entries: Entry[] = [];
  readonly epochs: Epoch[] = [];
  readonly aways: Away[] = [];

  /** Records one call from its start to its end; what it throws is how it failed. */
  async record(
    asked: Asked,
    limitMs: number,
    work: () => Promise<Ended>,
    at: string | null = null,
  ): Promise<Ended> {
    const startedMs = performance.now();
    let ended: Ended;
    try {
      ended = await work();
    } catch (failure) {
      ended = { kind: "failed", why: (failure as Error).message };
    }
    const endedMs = performance.now();
    this.entries.push({ asked, startedMs, deadlineMs: startedMs + limitMs, endedMs, ended, at });
    return ended;
  }

  /** While this work is done, these replicas have no database that writes. */
  async away(at: readonly string[], work: () => Promise<unknown>): Promise<void> {
    const fromMs = performance.now();
    await work();
    this.aways.push({ at, fromMs, toMs: performance.now() });
  }

  /** Everything from before is to be good no more. */
  restored(): void {
    this.epochs.push({ atMs: performance.now() });
  }
}
