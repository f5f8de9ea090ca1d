import { newHistory, type RecoveryBook, type RecoveryHistory } from "../../cloud/recoveries.js";
import type { Database } from "./database.js";

/** The histories of recoveries in the database: any replica can answer a login at another one. */
export class StoredRecoveryBook implements RecoveryBook {
  constructor(private readonly database: Database) {}

  change<Value>(id: string, work: (history: RecoveryHistory) => Value): Promise<Value> {
    return this.database.transaction(async (queries) => {
      await queries.query("INSERT INTO motekey.recoveries (device) VALUES ($1) ON CONFLICT DO NOTHING", [id]);
      const [row] = await queries.query<{ history: RecoveryHistory | null }>(
        "SELECT history FROM motekey.recoveries WHERE device = $1 FOR UPDATE",
        [id],
      );
      const history = row?.history ?? newHistory();
      const value = work(history);
      await queries.query("UPDATE motekey.recoveries SET history = $2, at = now() WHERE device = $1", [
        id,
        JSON.stringify(history),
      ]);
      return value;
    });
  }
}
