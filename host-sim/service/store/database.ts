import { Unavailable } from "../../cloud/frame.js";
import { Batch } from "./batch.js";

/** A row by its columns' names: `bigint` is a number, `bytea` bytes. */
export type Row = Record<string, unknown>;

/** What runs statements. */
export interface Queries {
  /** Runs one statement; `$1`, `$2`, … stand for the values. */
  query<Found extends Row>(sql: string, values?: readonly unknown[]): Promise<Found[]>;
  /** Runs several statements, without values. */
  run(sql: string): Promise<void>;
}

/** One of the two engines that the schema runs on. */
export interface Engine extends Queries {
  /** How many statements of one kind to run at once. */
  readonly lanes: number;
  /** Does work in a transaction: what it changes is on the disk when this resolves, and undone when it rejects. */
  transaction<Value>(work: (queries: Queries) => Promise<Value>): Promise<Value>;
  close(): Promise<void>;
}

/** How long a caller should wait when the database is away, s. */
const RETRY_AFTER_SECONDS = 2;
/** Errors after which a statement may succeed later (PostgreSQL, appendix A): connections, resources, shutdown, a standby, a conflict. */
const PASSING_STATES = /^(08|53|57P|25006|40001|40P01|55P03)/;
/** Shared by this many, a commit costs each of them little, and none waits long for the others. */
const BATCH_MAX = 64;
const NETWORK = /^E[A-Z]+$/;
const LOST = /timeout|terminated|connection|not queryable|closed/i;

/** The database as the service uses it: every wait has a limit, and an absent database is an error that says so. */
export class Database implements Queries {
  /** @param limitMs nobody waits longer; a running statement goes on, since a commit that waits for a standby must not be cancelled */
  constructor(
    private readonly engine: Engine,
    private readonly limitMs: number,
  ) {}

  query<Found extends Row>(sql: string, values: readonly unknown[] = []): Promise<Found[]> {
    return this.within(this.engine.query<Found>(sql, values));
  }

  /** As {@link query}, without a limit: the caller limits the wait. */
  async patient<Found extends Row>(sql: string, values: readonly unknown[]): Promise<Found[]> {
    try {
      return await this.engine.query<Found>(sql, values);
    } catch (failure) {
      throw toldAs(failure);
    }
  }

  /** Questions of one kind, batched; each within the limit. */
  batch<Question, Answer>(
    ask: (questions: readonly Question[]) => Promise<readonly Answer[]>,
  ): Batch<Question, Answer> {
    return new Batch(ask, { lanes: this.engine.lanes, most: BATCH_MAX, limitMs: this.limitMs });
  }

  run(sql: string): Promise<void> {
    return this.engine.run(sql);
  }

  /** As an engine's, within the limit. */
  transaction<Value>(work: (queries: Queries) => Promise<Value>): Promise<Value> {
    return this.within(this.engine.transaction(work));
  }

  /** As an engine's, without a limit: for operators, not for devices. */
  longTransaction<Value>(work: (queries: Queries) => Promise<Value>): Promise<Value> {
    return this.engine.transaction(work);
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  private async within<Value>(work: Promise<Value>): Promise<Value> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(unavailable("it did not answer in time")), this.limitMs);
    });
    try {
      return await Promise.race([work, late]);
    } catch (failure) {
      throw toldAs(failure);
    } finally {
      clearTimeout(timer);
      work.catch(() => {}); // it may fail after its time
    }
  }
}

/** What a caller learns about a failure. */
function toldAs(failure: unknown): unknown {
  return isPassing(failure) ? unavailable((failure as Error).message, failure) : failure;
}

function unavailable(reason: string, cause?: unknown): Unavailable {
  // What the database says may name its host: it is for the log, not for devices.
  return new Unavailable("The database is away; try again later", RETRY_AFTER_SECONDS, {
    cause: cause ?? new Error(reason),
  });
}

function isPassing(failure: unknown): boolean {
  if (!(failure instanceof Error) || failure instanceof Unavailable) return false;
  const { code } = failure as NodeJS.ErrnoException;
  if (typeof code !== "string") return LOST.test(failure.message);
  return PASSING_STATES.test(code) || NETWORK.test(code);
}
