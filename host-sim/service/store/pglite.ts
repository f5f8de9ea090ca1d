import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { PGlite, Transaction } from "@electric-sql/pglite";
import { FileLock } from "../../cloud/file-lock.js";
import type { Engine, Queries, Row } from "./database.js";
import { makeDatabase } from "./new-database.js";

const FOLDER_MODE = 0o700;
/** The type `bigint`. */
const INT8 = 20;

/** By default it takes 128 MB for its buffers, and a process 330 MB in all; so 190 MB. */
const MEMORY = ["-c", "shared_buffers=8MB", "-c", "wal_buffers=1MB"];

/** PostgreSQL in this process, in a folder: for one replica on one machine. */
export class EmbeddedEngine implements Engine {
  /** It runs one statement after the other. */
  readonly lanes = 1;

  private constructor(
    private readonly database: PGlite,
    private readonly lock: FileLock,
  ) {}

  /** Opens the folder, and makes it where it is missing. Rejects when another process has it. */
  static async open(folder: string): Promise<EmbeddedEngine> {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const dataDir = join(folder, "database");
    const lock = await FileLock.take(dataDir, "service");
    try {
      await makeDatabase(dataDir, MEMORY);
      // Imported late: it takes longer than everything else, and an outside PostgreSQL does not need it.
      const { PGlite } = await import("@electric-sql/pglite");
      const database = await PGlite.create({
        dataDir,
        startParams: [...PGlite.defaultStartParams, ...MEMORY],
        parsers: { [INT8]: Number },
      });
      return new EmbeddedEngine(database, lock);
    } catch (failure) {
      await lock.release();
      throw failure;
    }
  }

  query<Found extends Row>(sql: string, values: readonly unknown[] = []): Promise<Found[]> {
    return rowsOf<Found>(this.database, sql, values);
  }

  async run(sql: string): Promise<void> {
    await this.database.exec(sql);
  }

  transaction<Value>(work: (queries: Queries) => Promise<Value>): Promise<Value> {
    return this.database.transaction((transaction) =>
      work({
        query: (sql, values) => rowsOf(transaction, sql, values),
        run: async (sql) => void (await transaction.exec(sql)),
      }),
    );
  }

  async close(): Promise<void> {
    await this.database.close();
    await this.lock.release();
  }
}

async function rowsOf<Found extends Row>(
  runner: PGlite | Transaction,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Found[]> {
  return (await runner.query<Found>(sql, [...values])).rows;
}
