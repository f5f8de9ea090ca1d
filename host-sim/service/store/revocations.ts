import { Recent } from "../limits/recent.js";
import type { Database, Row } from "./database.js";

/** A later transaction may commit before an earlier one: look this far back again. */
const BACK = 1_000;
const SEEN_MAX = 4_096;

const LAST = "SELECT coalesce(max(place), 0) AS place FROM motekey.audit";
/** Without those who were allowed again since. */
const NEWS = `
  SELECT a.place, a.device FROM motekey.audit a JOIN motekey.devices d ON d.id = a.device
  WHERE a.place > $1 AND a.did = 'disabled' AND a.at > now() - interval '1 minute' AND d.disabled ORDER BY a.place`;

/** Who was barred, by any replica. */
export class Revocations {
  private last: number | null = null;
  private readonly seen = new Recent<true>(SEEN_MAX);

  constructor(private readonly database: Database) {}

  /** Who was barred since the last call; at first the recent ones, whom a lost replica may not have evicted. */
  async news(): Promise<string[]> {
    const from = this.last ?? (await this.place());
    const last = await this.place();
    const rows = await this.database.query<Row & { place: number; device: string }>(NEWS, [from - BACK]);
    this.last = last;
    const news = rows.filter(({ place }) => this.seen.get(String(place)) === undefined);
    for (const { place } of news) this.seen.set(String(place), true);
    return news.map(({ device }) => device);
  }

  private async place(): Promise<number> {
    const [row] = await this.database.query<Row & { place: number }>(LAST);
    return row?.place ?? 0;
  }
}
