import type { DeviceBook } from "../../cloud/device-book.js";
import { isPortableId } from "../../cloud/new-entity.js";
import type { Deed, Entity } from "../../cloud/types.js";
import { endAll } from "./accounts.js";
import type { Database, Queries, Row } from "./database.js";
import { type DeviceRow, openEntity, pskOf } from "./device-row.js";
import type { Sealer } from "./sealer.js";

/** Names in the audit: whoever looks for barred devices reads "disabled". */
const STORED: Readonly<Partial<Record<Deed["did"], string>>> = { revoked: "disabled" };
const TOLD: Readonly<Record<string, Deed["did"]>> = { disabled: "revoked" };

const COLUMNS = "id, role, psk, next_psk, owner, cert_fingerprint, connect_counter, mac_counter, disabled";

/** What operators and devices did, not programs by the service's own interface. */
const HISTORY = `
  SELECT device, did, operator, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
  FROM motekey.audit WHERE device = ANY($1) AND operator IS NOT NULL ORDER BY place`;

const ENROLL = `
  INSERT INTO motekey.devices (id, role, psk, cert_fingerprint)
  SELECT id, 'device', decode(psk, 'base64'), cert FROM json_to_recordset($1::json) AS asked (id text, psk text, cert text)
  ORDER BY id
  ON CONFLICT (id) DO NOTHING RETURNING id`;

const NOTE = "INSERT INTO motekey.audit (did, device, operator) SELECT $1, unnest($2::text[]), $3";

interface DeedRow extends Row {
  device: string;
  did: string;
  operator: string;
  at: string;
}

/** The registry in the database, for operators. All that they change is in the audit, in the same transaction. */
export class StoredDevices implements DeviceBook {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
  ) {}

  async known(ids: readonly string[]): Promise<Map<string, Entity>> {
    const sql = `SELECT ${COLUMNS} FROM motekey.devices WHERE id = ANY($1)`;
    const rows = await this.database.query<DeviceRow>(sql, [ids.filter(isPortableId)]);
    return new Map((await this.withHistory(rows)).map((entity) => [entity.id, entity]));
  }

  async devicesAfter(id: string, limit: number): Promise<Entity[]> {
    const sql = `SELECT ${COLUMNS} FROM motekey.devices WHERE id > $1 AND role = 'device' ORDER BY id LIMIT $2`;
    // What PostgreSQL takes for no text is no id either.
    return this.withHistory(await this.database.query<DeviceRow>(sql, [id.replaceAll("\0", ""), limit]));
  }

  enroll(entities: readonly Entity[], deed: Deed): Promise<Set<string>> {
    const asked = entities.map(({ id, psk, certFingerprint }) => ({
      id,
      psk: this.sealer.seal(pskOf(id), psk).toString("base64"),
      cert: certFingerprint ?? null,
    }));
    return this.database.transaction(async (queries) => {
      const rows = await queries.query<{ id: string }>(ENROLL, [JSON.stringify(asked)]);
      const ids = rows.map(({ id }) => id);
      await note(queries, deed, ids);
      return new Set(ids);
    });
  }

  certify(id: string, certFingerprint: string, deed: Deed): Promise<boolean> {
    const sql = `UPDATE motekey.devices SET cert_fingerprint = $2
      WHERE id = $1 AND NOT disabled AND cert_fingerprint IS DISTINCT FROM $2 RETURNING id`;
    return this.change(id, deed, sql, [certFingerprint]);
  }

  stage(id: string, nextPsk: string | undefined, deed: Deed): Promise<boolean> {
    const sealed = nextPsk === undefined ? null : this.sealer.seal(pskOf(id), nextPsk);
    const sql = `UPDATE motekey.devices SET next_psk = $2
      WHERE id = $1 AND NOT disabled AND (next_psk IS NULL) <> ($2::bytea IS NULL) RETURNING id`;
    return this.change(id, deed, sql, [sealed], async (queries) => {
      await queries.query("DELETE FROM motekey.mac_sessions WHERE device = $1 AND is_next", [id]);
    });
  }

  revoke(id: string, deed: Deed): Promise<boolean> {
    const sql = `UPDATE motekey.devices SET disabled = true, next_psk = NULL
      WHERE id = $1 AND NOT disabled RETURNING id`;
    return this.change(id, deed, sql, [], (queries) => endAll(queries, id));
  }

  /** One update, and what follows from it where it changed anything. */
  private change(
    id: string,
    deed: Deed,
    sql: string,
    values: readonly unknown[],
    then: (queries: Queries) => Promise<void> = async () => {},
  ): Promise<boolean> {
    return this.database.transaction(async (queries) => {
      if ((await queries.query(sql, [id, ...values])).length === 0) return false;
      await then(queries);
      await note(queries, deed, [id]);
      return true;
    });
  }

  private async withHistory(rows: readonly DeviceRow[]): Promise<Entity[]> {
    const ids = rows.map(({ id }) => id);
    const deeds = new Map<string, Deed[]>(ids.map((id) => [id, []]));
    for (const { device, did, operator, at } of await this.database.query<DeedRow>(HISTORY, [ids]))
      deeds.get(device)?.push({ did: TOLD[did] ?? (did as Deed["did"]), by: operator, at });
    return rows.map((row) => ({ ...openEntity(row, this.sealer), history: deeds.get(row.id) ?? [] }));
  }
}

/** By the database's clock, as everything is. */
async function note(queries: Queries, { did, by }: Deed, ids: readonly string[]): Promise<void> {
  await queries.query(NOTE, [STORED[did] ?? did, ids, by]);
}
