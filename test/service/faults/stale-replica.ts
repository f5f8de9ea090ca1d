/** A replica that was broken on purpose: it reads from a standby that is behind. STALE_URL says where that is. */
import { PostgresEngine } from "../../../host-sim/service/store/postgres.js";

const standby = await PostgresEngine.open({ url: process.env.STALE_URL ?? "" });
const { query } = PostgresEngine.prototype;
PostgresEngine.prototype.query = function (sql, values) {
  const isRead = /^\s*SELECT/.test(sql) && !sql.includes("motekey.answer(");
  return query.call(isRead ? standby : this, sql, values) as never;
};
await import("../replica.js");
