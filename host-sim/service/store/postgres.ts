import { readFile } from "node:fs/promises";
import type { ClientBase, Pool, PoolClient, PoolConfig } from "pg";
import type { Engine, Queries, Row } from "./database.js";

/** The type `bigint`. */
const INT8 = 20;
const CONNECTIONS_DEFAULT = 16;
/** Callers give up long before; the finished connection serves the next one. */
const CONNECT_LIMIT_MS = 10_000;

/** Where PostgreSQL is. */
export interface PostgresPlace {
  /** `postgresql://user@host:port/database?sslmode=verify-full&…`, or `postgresql://…?host=/run/postgresql`. */
  url: string;
  /** Read for each connection, so that the password may change while the service runs. */
  passwordFile?: string;
  /** Most connections of this replica. */
  connections?: number;
}

/** PostgreSQL outside, for any number of replicas. */
export class PostgresEngine implements Engine {
  /** While one waits for the disk the next one runs; more would only make smaller batches. */
  readonly lanes = 4;
  /** Each connection prepares its statements once, under these names. */
  private readonly names = new Map<string, string>();

  private constructor(private readonly pool: Pool) {}

  /** Prepares a pool; nothing is connected yet. */
  static async open({ url, passwordFile, connections }: PostgresPlace): Promise<PostgresEngine> {
    const { default: pg } = await import("pg");
    const config: PoolConfig = {
      connectionString: url,
      max: connections ?? CONNECTIONS_DEFAULT,
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      keepAlive: true,
      application_name: "motekey",
      types: {
        getTypeParser: (type, format) =>
          type === INT8 && format !== "binary" ? Number : pg.types.getTypeParser(type, format),
      },
    };
    if (passwordFile !== undefined)
      config.password = async () => (await readFile(passwordFile, "utf8")).trim();
    const pool = new pg.Pool(config);
    // An idle connection is lost: the next query makes another.
    pool.on("error", () => {});
    return new PostgresEngine(pool);
  }

  query<Found extends Row>(sql: string, values: readonly unknown[] = []): Promise<Found[]> {
    return this.rows<Found>(this.pool, sql, values);
  }

  async run(sql: string): Promise<void> {
    await this.pool.query(sql);
  }

  async transaction<Value>(work: (queries: Queries) => Promise<Value>): Promise<Value> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    // Without a listener an error between two statements would end the process.
    const lost = (failure: Error): void => {
      broken = failure;
    };
    client.on("error", lost);
    try {
      await client.query("BEGIN");
      const value = await work({
        query: (sql, values) => this.rows(client, sql, values),
        run: async (sql) => void (await client.query(sql)),
      });
      await client.query("COMMIT");
      return value;
    } catch (failure) {
      broken ??= await rolledBack(client);
      throw failure;
    } finally {
      client.off("error", lost);
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  private async rows<Found extends Row>(
    runner: ClientBase | Pool,
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Found[]> {
    let name = this.names.get(text);
    if (name === undefined) {
      name = `motekey_${this.names.size}`;
      this.names.set(text, name);
    }
    return (await runner.query<Found>({ name, text, values: [...values] })).rows;
  }
}

/** Undoes a transaction; an error: the connection is useless. */
async function rolledBack(client: PoolClient): Promise<Error | undefined> {
  try {
    await client.query("ROLLBACK");
    return undefined;
  } catch (failure) {
    return failure as Error;
  }
}
